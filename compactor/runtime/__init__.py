"""Load a bundle with onnxruntime, tokenizers and numpy alone; imports nothing else, not even the rest of compactor."""
