"""One diagnostic a file; each yields findings."""
