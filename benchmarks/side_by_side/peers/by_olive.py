"""Olive: its conversion, its transformer optimization and its dynamic quantization, as a workflow of passes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from _given import main, ship
from olive.workflows import run


def make(work: Path, folder: Path, variant: str) -> None:
    """Run the workflow and ship what it leaves."""
    passes: dict[str, object] = {"convert": {"type": "OnnxConversion", "target_opset": 17}}
    if variant == "fused":
        passes["fuse"] = {"type": "OrtTransformersOptimization", "model_type": "bert"}
    passes["quantize"] = {"type": "OnnxDynamicQuantization"}
    with tempfile.TemporaryDirectory() as scratch:
        model = {"type": "HfModel", "model_path": str(work / "teacher"), "task": "text-classification"}
        run(
            {
                "input_model": model,
                "passes": passes,
                "output_dir": f"{scratch}/out",
                "cache_dir": f"{scratch}/cache",
                "evaluate_input_model": False,
            }
        )
        (found,) = Path(scratch, "out").rglob("*.onnx")
        ship(work, found, folder)


if __name__ == "__main__":
    main(make, ("olive-ai", "transformers", "torch", "onnx", "onnxruntime"))
