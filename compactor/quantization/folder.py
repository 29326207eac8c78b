"""An ONNX folder with other weights: the graph written, everything beside it taken over, the interface brought up to date."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx

from compactor.base.atomic import read_json, write_bytes, write_json
from compactor.base.errors import disk_error

# What is made anew, and what a store keeps about the source.
OWN_FILES = frozenset(("model.onnx", "interface.json", "artifact.json"))


def write_folder(model: onnx.ModelProto, source: Path, folder: Path, *, precision: str, **told: Any) -> int:
    """Write `model.onnx` and its surroundings; return the bytes of the graph.

    Args:
        model: the quantized graph.
        source: ONNX folder it was made from; its tokenizer, labels and settings are copied.
        folder: is filled.
        precision: for interface.json.
        told: what else it says of the weights, such as `reduce_range`.
    """
    content = model.SerializeToString(deterministic=True)
    write_bytes(folder / "model.onnx", content)
    for path in sorted(source.iterdir()):
        if path.is_file() and path.name not in OWN_FILES:
            try:
                shutil.copyfile(path, folder / path.name)
            except OSError as error:
                raise disk_error(error, folder / path.name) from error
    write_json(folder / "interface.json", {**read_json(source / "interface.json"), "precision": precision, **told})
    return len(content)


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Give a folder for the quantizer's own files, inside the one that is filled, and remove it whatever happens."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = Path(tempfile.mkdtemp(dir=folder, prefix=".quantizing."))
    except OSError as error:
        raise disk_error(error, folder) from error
    try:
        yield path
    except OSError as error:
        raise disk_error(error, path) from error
    finally:
        shutil.rmtree(path, ignore_errors=True)
