"""A torch model as the graph that an app would run: a plain export, quantized or not; for its size and its time, then thrown away."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from compactor.exporting import export_onnx
from compactor.measuring.size import size_bytes
from compactor.models import save
from compactor.quantization import quantize_dynamic_int8

if TYPE_CHECKING:
    from compactor.stages._contract import Work


def plain_graph(
    model: Any, tokenizer: Path, work: Work, precision: Literal["fp32", "int8"], folder: Path, *, every_row: bool = False
) -> None:
    """Fill a folder with `model.onnx` and what an app ships beside it, as export and quantize make them with no settings.

    Args:
        model: a torch model; not changed.
        tokenizer: folder whose tokenizer it reads with.
        work: task, target and labels.
        precision: `fp32`, or dynamic `int8` with 7-bit weights where the target has no 8-bit dot products.
        folder: need not exist.
        every_row: compute the last layer's rows that nobody reads, whatever the target says.
    """
    every_row = every_row or work.target.every_row
    with tempfile.TemporaryDirectory(dir=work.checkpoints, prefix=".graph.") as scratch:
        torch, floats = Path(scratch) / "torch", Path(scratch) / "fp32"
        torch.mkdir()
        save(model, tokenizer, torch, labels=work.data.labels)
        export_onnx(torch, floats, task=work.task, pair=work.data.pair, opset=work.target.opset, every_row=every_row)
        if precision == "int8":
            quantize_dynamic_int8(floats, folder, reduce_range=not work.target.int8_dot_product)
        else:
            shutil.copytree(floats, folder, dirs_exist_ok=True)


def plain_size(model: Any, tokenizer: Path, work: Work, precision: Literal["fp32", "int8"]) -> int:
    """Return the bytes of all that an app ships with a model: graph, tokenizer and descriptions, as the report counts them."""
    with tempfile.TemporaryDirectory(dir=work.checkpoints, prefix=".weighing.") as scratch:
        plain_graph(model, tokenizer, work, precision, Path(scratch) / "graph")
        return size_bytes(Path(scratch) / "graph")
