"""Intel Neural Compressor's present release: static int8 of the torch model (PyTorch 2 export), then torch's own way to ONNX."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from _given import CALIBRATION_ROWS, main, rows, settings, ship
from neural_compressor.torch.export import export
from neural_compressor.torch.quantization import convert, get_default_static_config, prepare
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification


class Logits(torch.nn.Module):
    """The teacher with ids and mask in and logits out, for a trace."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return float32 (batch, labels)."""
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


def make(work: Path, folder: Path, variant: str) -> None:
    """Trace with free lengths, calibrate on training rows, convert, export, ship."""
    del variant
    model = Logits(AutoModelForSequenceClassification.from_pretrained(work / "teacher", attn_implementation="eager")).eval()
    tokenizer = Tokenizer.from_file(str(work / "fp32" / "tokenizer.json"))
    tokenizer.enable_truncation(settings(work)["max_length"])
    sample = torch.ones(2, 9, dtype=torch.int64), torch.ones(2, 9, dtype=torch.int64)
    batch, length = torch.export.Dim("batch", min=1, max=64), torch.export.Dim("sequence", min=2, max=512)
    shapes = {name: {0: batch, 1: length} for name in ("input_ids", "attention_mask")}
    traced = export(model, sample, dynamic_shapes=shapes)
    prepared = prepare(traced, get_default_static_config())
    for text in rows(work, "train")[0][:CALIBRATION_ROWS]:
        ids = torch.tensor([tokenizer.encode(text).ids])
        prepared(ids, torch.ones_like(ids))
    converted = convert(prepared)
    with tempfile.TemporaryDirectory() as scratch, torch.no_grad():
        torch.onnx.export(
            converted,
            sample,
            f"{scratch}/model.onnx",
            dynamo=True,
            external_data=False,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_shapes=({0: batch, 1: length}, {0: batch, 1: length}),
        )
        ship(work, Path(scratch) / "model.onnx", folder)


if __name__ == "__main__":
    main(make, ("neural-compressor-pt", "transformers", "torch", "torchao", "onnx", "onnxscript"))
