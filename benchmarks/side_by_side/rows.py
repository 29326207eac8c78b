"""Writes what all contenders start from: the teacher's folder, its fp32 graph, and the rows of the profile's data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from compactor.data import Rows
    from compactor.pipeline.profile import Profile

TEACHER_FILES = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "special_tokens_map.json",
)


def write_work(profile: Profile, teacher: Path, encoder: str, limit: int | None, folder: Path) -> None:
    """Fill the folder with teacher/, fp32/, train.jsonl, validation.jsonl, test.jsonl and settings.json.

    Args:
        profile: names task and data; its seed decides the validation split, as in `compactor run`.
        teacher: a folder that transformers loads, fine-tuned on this data.
        encoder: what Model2Vec distills from: a folder, or a name on the hub.
        limit: at most so many rows of each split, for a trial; None takes all.
        folder: is made anew.
    """
    from compactor.base.reporter import Reporter
    from compactor.data import open_data
    from compactor.exporting import export_onnx
    from compactor.models.tokenizer import max_length

    shutil.rmtree(folder, ignore_errors=True)
    (folder / "teacher").mkdir(parents=True)
    for name in TEACHER_FILES:
        if (teacher / name).is_file():
            shutil.copy(teacher / name, folder / "teacher" / name)
    data = open_data(
        profile.data, near=profile.near, seed=profile.seed, cache=folder / "cache", online=False, reporter=Reporter()
    )
    if data.pair or data.test is None:
        raise SystemExit("the profile's data must have a test split, and single texts: Model2Vec takes no pairs")
    for name in ("train", "validation", "test"):
        write_rows(getattr(data, name), limit, folder / f"{name}.jsonl")
    export_onnx(folder / "teacher", folder / "fp32", task=profile.task, pair=False, opset=profile.target.opset)
    (folder / "fp32" / "interface.json").unlink()
    (folder / "fp32" / "labels.json").unlink()
    settings = {
        "labels": list(data.labels),
        "max_length": max_length(folder / "teacher"),
        "encoder": encoder,
        "seed": profile.seed,
    }
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")


def write_rows(rows: Rows, limit: int | None, path: Path) -> None:
    """Write one split as JSON lines of `text` and `label` (a number), in the teacher's order of labels."""
    if limit is not None and limit < len(rows):
        rows = rows.select(np.sort(np.random.default_rng(0).permutation(len(rows))[:limit]))
    with path.open("w", encoding="utf-8") as stream:
        for text, label in zip(rows.texts(), rows.labels.tolist(), strict=True):
            stream.write(json.dumps({"text": text, "label": label}, ensure_ascii=False) + "\n")


def read_rows(path: Path) -> tuple[list[str], np.ndarray]:
    """Return the texts and the labels, int64 (rows,)."""
    rows: list[dict[str, Any]] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row["text"] for row in rows], np.array([row["label"] for row in rows], dtype=np.int64)
