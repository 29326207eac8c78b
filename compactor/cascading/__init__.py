"""The cheapest that is sure answers: temperatures, thresholds, graphs that stop early. It does not know whose answers they are."""
