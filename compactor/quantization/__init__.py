"""Fewer bits in an ONNX graph: dynamic and static int8."""
