"""Training that knows it will be quantized: products and lookups answer as onnxruntime's int8 kernels will. Knows no ONNX graph."""
