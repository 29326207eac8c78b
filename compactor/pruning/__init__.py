"""Takes layers, neurons, heads and vocabulary pieces out of an encoder, physically, and refits what is left. Knows nothing of training."""
