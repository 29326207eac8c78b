"""The sparsify stage: zeros are where they should be, survive recovery to the bit, and what makes no sense is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from compactor.stages.sparsify import Sparsify
from tests.pruning import tiny
from tests.stages import works


@pytest.mark.parametrize(
    ("settings", "code", "path"),
    [
        ({"sparsity": 0.5, "pattern": "2:4"}, "P240", ("pattern",)),
        ({"pattern": "4:2"}, "P241", ("pattern",)),
        ({"pattern": "half"}, "P241", ("pattern",)),
        ({"sparsity": 0.99}, "P242", ("sparsity",)),
        ({"method": "wanda", "damping": 0.1}, "P243", ("damping",)),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(settings, code, path):
    (found,) = Sparsify.model_validate(settings).problems(task=None, target=None)  # type: ignore[arg-type]
    assert (found[0], found[1].code) == (path, code)


@pytest.mark.parametrize("settings", [{}, {"sparsity": 0.7, "block": 64}, {"method": "wanda", "pattern": "4:8"}])
def test_what_makes_sense_is_not(settings):
    assert not list(Sparsify.model_validate(settings).problems(task=None, target=None))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Make a tiny teacher; return (root, data, its artifact)."""
    from compactor.models import save
    from compactor.models.wordpiece import train_wordpiece

    root = tmp_path_factory.mktemp("sparsify")
    data = works.open_small(root)
    folder = root / "teacher"
    folder.mkdir()
    train_wordpiece(iter(data.train.texts()), 160, folder, 24)
    save(tiny.model("bert", layers=2, pieces=160), folder, folder, labels=data.labels)
    return root, data, works.artifact(folder)


def make(place: Any, settings: dict[str, Any], name: str) -> tuple[Any, dict[str, np.ndarray]]:
    """Run the stage; return (its work, the written weights by name)."""
    from safetensors.numpy import load_file

    root, data, teacher = place
    work = works.make_work(root, name, data, teacher=teacher)
    Sparsify.model_validate(settings).run(teacher, work)
    return work, load_file(work.folder / "model.safetensors")


@pytest.mark.model
def test_recovery_moves_the_weights_and_keeps_every_zero(place):
    settings = {"pattern": "2:4", "calibration": 40}
    bare, before = make(place, settings, "bare")
    recover = {"epochs": 1, "learning_rate": 1e-3, "batch_size": 32, "dropout": 0.0}
    work, after = make(place, {**settings, "recover": recover}, "recovered")
    maps = work.facts["sparsity"]["maps"]
    assert len(maps) == 12
    for entry in maps:
        name = f"{entry['map']}.weight"
        assert np.array_equal(before[name] == 0, after[name] == 0), name
        assert ((after[name] == 0).reshape(-1, 4).sum(1) == 2).all()
        assert not np.array_equal(before[name], after[name])
        assert entry["zeros"] == 0.5
    assert list(work.facts["validation_steps"]) == ["before", "sparse", "recovered"]
    assert work.facts["sparsity"]["share_of_layers"] == 0.5
    assert work.facts["parameters"] == work.facts["parameters_before"]
    assert {finding.code for finding in bare.reporter.findings} == {"K242"}
    json.dumps(work.facts, allow_nan=False)


@pytest.mark.model
def test_on_real_rows_the_update_helps_and_magnitude_errs_most(place):
    errors = {}
    for method in ("sparsegpt", "wanda", "magnitude"):
        work, _ = make(place, {"method": method, "calibration": 100}, method)
        maps = work.facts["sparsity"]["maps"]
        errors[method] = sum(entry["error"] for entry in maps)
        if method == "sparsegpt":
            assert errors[method] < sum(entry["error_masked"] for entry in maps)
    assert errors["sparsegpt"] <= errors["wanda"] < errors["magnitude"]
