"""A teacher whose weights are the mean of several trainings."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compactor.stages.teacher import Teacher
from tests.stages.works import make_work, open_small

CONFIG = {"layers": 2, "hidden": 32, "heads": 2, "vocabulary": 200, "max_positions": 24}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return open_small(tmp_path_factory.mktemp("data"))


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@pytest.mark.model
@pytest.mark.parametrize("init", ["random", "cooccurrence"])
def test_a_soup_is_the_mean_of_trainings_from_one_start(data: Any, tmp_path: Path, init: str) -> None:
    from safetensors.numpy import load_file

    settings = {"config": {**CONFIG, "init": init}, "train": {"epochs": 4, "batch_size": 16, "learning_rate": 5e-3}, "soup": 3}
    work, again = (make_work(tmp_path, name, data) for name in ("soup", "again"))
    Teacher.model_validate(settings).run(None, work)
    pots = [load_file(work.checkpoints / "soup" / str(number) / "model" / "model.safetensors") for number in (1, 2, 3)]
    mean = load_file(work.folder / "model.safetensors")
    assert all(value == pytest.approx(np.mean([pot[name] for pot in pots], axis=0), abs=1e-6) for name, value in mean.items())
    # One start: after four short epochs the trainings are nearer to one another than a start of another seed is.
    other = make_work(tmp_path, "other", data)
    other.seed = 1
    Teacher.model_validate({**settings, "soup": None}).run(None, other)
    table = "bert.embeddings.word_embeddings.weight"
    apart = np.abs(pots[0][table] - pots[1][table]).mean()
    assert 0 < apart < np.abs(pots[0][table] - load_file(other.folder / "model.safetensors")[table]).mean() / 2
    facts = work.facts["soup"]
    assert facts["mean"] == work.facts["validation"]["value"]
    assert len(facts["validation"]) == 3

    # Killed after the second training: the first two are not trained again, and the end is the same.
    shutil.copytree(work.checkpoints / "soup", again.checkpoints / "soup")
    shutil.rmtree(again.checkpoints / "soup" / "3")
    before = (again.checkpoints / "soup" / "1" / "facts.json").stat().st_mtime_ns
    Teacher.model_validate(settings).run(None, again)
    assert (again.checkpoints / "soup" / "1" / "facts.json").stat().st_mtime_ns == before
    assert weights(again.folder) == weights(work.folder)


@pytest.mark.model
def test_a_soup_of_models_that_lie_too_far_apart_is_told(data: Any, tmp_path: Path) -> None:
    from compactor.stages._soup import cook

    trained = {"config": CONFIG, "train": {"epochs": 6, "batch_size": 16, "learning_rate": 5e-3}}
    work = make_work(tmp_path, "soup", data)
    stage = Teacher.model_validate(trained)
    cook(work, 4, lambda part, start: stage._make(part, start + 1000 * part.seed))  # four starts
    assert work.facts["soup"]["mean"] < min(work.facts["soup"]["validation"])
    assert "L114" in [finding.code for finding in work.reporter.findings]
