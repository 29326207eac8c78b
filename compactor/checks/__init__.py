"""One diagnostic a file; each yields findings. A stage decides which ones to run and which end it."""
