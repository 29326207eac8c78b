"""Times of widths are kept, and taken anew when anything changes that they depend on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from compactor.targets import load_target
from tests.pruning import tiny
from tests.stages import works

pytestmark = pytest.mark.model


def identity(work: Any, tokenizer: Path, model: Any) -> dict[str, Any]:
    """Return what the times of a model's widths are kept by."""
    from compactor.stages._latency_table import LatencyTable

    table = LatencyTable.__new__(LatencyTable)
    table.course = SimpleNamespace(model=model, work=work, tokenizer=tokenizer)  # type: ignore[assignment]
    table.aim = SimpleNamespace(precision="int8")  # type: ignore[assignment]
    return table._identity({})


def test_times_are_kept_for_one_version_of_every_runtime(tmp_path, monkeypatch):
    from compactor.measuring import surroundings

    work, tokenizer = works.make_work(tmp_path, "runtimes", works.open_small(tmp_path)), tiny.tokenizer(tmp_path / "tokenizer")

    def of(target: str, gpu: str = "A", **installed: str) -> dict[str, Any]:
        packages = {name.replace("_", "-"): version for name, version in installed.items()}
        monkeypatch.setattr(surroundings, "installed_packages", lambda: packages)
        monkeypatch.setattr(surroundings, "gpus", lambda: [gpu])
        work.target = load_target(target)
        return identity(work, tokenizer, tiny.model(layers=1))

    assert of("server-gpu", onnxruntime_gpu="1.28") != of("server-gpu", onnxruntime_gpu="1.29")
    assert of("server-gpu", onnxruntime_gpu="1.28") == of("server-gpu", onnxruntime_gpu="1.28")
    assert of("server-gpu", "A") != of("server-gpu", "B")
    assert of("host", "A") == of("host", "B")


def test_times_are_kept_for_one_length_of_texts_and_one_piece_table(tmp_path):
    from compactor.models.factorized import factorize
    from compactor.models.tokenizer import copy_tokenizer

    work, tokenizer = works.make_work(tmp_path, "lengths", works.open_small(tmp_path)), tiny.tokenizer(tmp_path / "tokenizer")
    work.target = load_target("host")
    (tmp_path / "shorter").mkdir()
    copy_tokenizer(tokenizer, tmp_path / "shorter", length=12)
    copy_tokenizer(tokenizer, tokenizer)

    def of(folder: Path, embedding: int | None = None) -> dict[str, Any]:
        model = tiny.model(layers=1)
        if embedding is not None:
            factorize(model, embedding)
        return identity(work, folder, model)

    assert of(tokenizer) == of(tokenizer)
    assert of(tokenizer) != of(tmp_path / "shorter")
    assert of(tokenizer) != of(tokenizer, 8) != of(tokenizer, 4)
