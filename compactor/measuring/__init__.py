"""The protocol: quality, size, latency and memory of an ONNX folder. Knows nothing of torch."""
