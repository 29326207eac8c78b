"""Intel Neural Compressor 2.6, its last release that quantizes ONNX graphs: post-training quantization of the teacher's fp32 graph."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from _given import CALIBRATION_ROWS, main, rows, settings, ship
from neural_compressor import PostTrainingQuantConfig, quantization
from tokenizers import Tokenizer


class Loader:
    """Training rows, one by one and unpadded, as Neural Compressor reads them: (inputs by name, label)."""

    batch_size = 1

    def __init__(self, work: Path) -> None:
        texts, self.labels = rows(work, "train")
        tokenizer = Tokenizer.from_file(str(work / "fp32" / "tokenizer.json"))
        tokenizer.enable_truncation(settings(work)["max_length"])
        self.ids = [tokenizer.encode(text).ids for text in texts[:CALIBRATION_ROWS]]

    def __iter__(self) -> Iterator[tuple[dict[str, np.ndarray], int]]:
        for ids, label in zip(self.ids, self.labels, strict=False):
            array = np.array([ids], dtype=np.int64)
            yield {"input_ids": array, "attention_mask": np.ones_like(array)}, label


def make(work: Path, folder: Path, variant: str) -> None:
    """Quantize and ship."""
    config = PostTrainingQuantConfig(approach=variant)
    loader = Loader(work) if variant == "static" else None
    model = quantization.fit(str(work / "fp32" / "model.onnx"), config, calib_dataloader=loader)
    with tempfile.TemporaryDirectory() as scratch:
        model.save(f"{scratch}/model.onnx")
        ship(work, Path(scratch) / "model.onnx", folder)


if __name__ == "__main__":
    main(make, ("neural-compressor", "onnx", "onnxruntime", "numpy"))
