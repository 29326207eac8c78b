"""Optimum's own export of the teacher, and dynamic int8 by its ORTQuantizer."""

from __future__ import annotations

import tempfile
from pathlib import Path

from _given import main, ship
from optimum.onnxruntime import ORTModelForSequenceClassification, ORTQuantizer
from optimum.onnxruntime.configuration import AutoQuantizationConfig


def make(work: Path, folder: Path, variant: str) -> None:
    """Export, quantize, ship."""
    with tempfile.TemporaryDirectory() as scratch:
        ORTModelForSequenceClassification.from_pretrained(work / "teacher", export=True).save_pretrained(f"{scratch}/fp32")
        quantizer = ORTQuantizer.from_pretrained(f"{scratch}/fp32")
        more = {"per_channel": False} if variant == "dynamic-per-tensor" else {}
        quantizer.quantize(
            save_dir=f"{scratch}/int8", quantization_config=AutoQuantizationConfig.avx512_vnni(is_static=False, **more)
        )
        ship(work, Path(scratch) / "int8" / "model_quantized.onnx", folder)


if __name__ == "__main__":
    main(make, ("optimum", "optimum-onnx", "transformers", "torch", "onnx", "onnxruntime"))
