"""Pages for people, made from report.json alone. Knows nothing of torch."""
