"""Load, build, reshape and save transformers models and their tokenizers. Knows nothing of training."""
