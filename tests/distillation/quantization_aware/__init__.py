"""Tests of training that knows of quantization."""
