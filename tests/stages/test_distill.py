"""The distill stage: a smaller student that answers as its teacher does."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from compactor.base.artifact import Artifact
from compactor.base.errors import StageError
from compactor.stages.distill import Distill
from compactor.stages.teacher import Teacher
from compactor.tasks import TASKS
from tests.stages.works import Listener, artifact, make_work, open_small

ANYTHING: Any = SimpleNamespace()
CONFIG = {"layers": 2, "hidden": 32, "heads": 2, "vocabulary": 200, "max_positions": 24}
TRAIN = {"epochs": 3, "batch_size": 16, "learning_rate": 2e-3}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return open_small(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def teacher(data: Any, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    work = make_work(tmp_path_factory.mktemp("teacher"), "teacher", data)
    train = {"epochs": 12, "batch_size": 16, "learning_rate": 5e-3}
    Teacher.model_validate({"config": CONFIG, "train": train}).run(None, work)
    assert work.facts["validation"]["value"] > 0.9
    return artifact(work.folder)


def distill(folder: Path, data: Any, teacher: Artifact, name: str = "student", **settings: Any) -> Any:
    work = make_work(folder, name, data, teacher=teacher)
    Distill.model_validate({"train": TRAIN, **settings}).run(teacher, work)
    return work


def test_what_makes_no_sense_is_refused_with_its_place() -> None:
    stage = Distill.model_validate({"student": {"hidden": 16}, "losses": [{"hinton": {"weight": 0}}]})
    found = {path: problem.code for path, problem in stage.problems(task=TASKS.load("text-classification")(), target=ANYTHING)}
    assert found == {("student", "init"): "P160", ("losses",): "P163"}


@pytest.mark.model
def test_a_student_of_half_the_layers_keeps_the_accuracy(data: Any, teacher: Artifact, tmp_path: Path) -> None:
    from compactor import models
    from compactor.stages._inputs import encoded, teacher_logits

    work = distill(tmp_path, data, teacher, student={"layers": 1})
    assert work.facts["student"]["kept_layers"] == [1]
    assert work.facts["validation"]["value"] > 0.9
    assert work.facts["training"]["curve"][-1]["parts"].keys() == {"hinton", "cross_entropy"}
    assert models.load(work.folder, work.task).config.num_hidden_layers == 1
    logits = teacher_logits(work, "validation")
    assert logits.shape == (len(data.validation), 3)
    held_out = encoded(work, work.folder, "validation")
    assert float(np.mean(logits.argmax(1) == held_out.labels)) > 0.9


@pytest.mark.model
def test_a_narrower_student_by_projection_and_losses_that_look_inside(data: Any, teacher: Artifact, tmp_path: Path) -> None:
    losses = [{"hinton": {}}, {"hidden_states": {"weight": 0.1}}, {"minilm_relations": {"heads": 2, "weight": 0.5}}]
    work = distill(tmp_path, data, teacher, student={"layers": 1, "hidden": 16, "heads": 2, "init": "pca"}, losses=losses)
    assert work.facts["student"]["hidden"] == 16
    assert 0 < work.facts["student"]["variance_kept"] <= 1
    assert work.facts["validation"]["value"] > 0.9
    assert not [name for name in (work.folder / "model.safetensors").read_bytes()[:20000].split(b'"') if b"projection" in name]


@pytest.mark.model
def test_what_is_read_inside_the_teacher_is_kept_or_computed_at_every_step(
    data: Any, teacher: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.numpy import load_file

    from compactor.distillation import inside

    looked: list[str] = []
    write = inside.write_inside
    monkeypatch.setattr(inside, "write_inside", lambda *a, **k: (looked.append(a[2].parent.name), write(*a, **k)))
    losses = [{"hinton": {}}, {"hidden_states": {"weight": 0.1}}, {"minilm_relations": {"heads": 2, "weight": 0.5}}]
    shared = {"student": {"layers": 1}, "losses": losses}
    kept, beside = (
        distill(tmp_path, data, teacher, name, inside_gb=most, **shared) for name, most in (("one", 1.0), ("two", 0.0))
    )
    assert looked == ["distilling"]
    assert not list(kept.checkpoints.rglob("inside")), "dropped when the student is taught"
    ours, theirs = (load_file(work.folder / "model.safetensors") for work in (kept, beside))
    for name, value in ours.items():
        np.testing.assert_allclose(value, theirs[name], rtol=0.02, atol=2e-3, err_msg=name)
    assert kept.facts["training"]["curve"][-1]["loss"] == pytest.approx(beside.facts["training"]["curve"][-1]["loss"], rel=1e-2)
    distill(tmp_path, data, teacher, "three", **shared, train={**TRAIN, "piece_dropout": 0.1})
    assert looked == ["distilling"], "other pieces at every step: nothing could be looked up"


@pytest.mark.model
@pytest.mark.parametrize("loss", [{"minilm": {"teacher_layer": 7}}, {"hidden_states": {"layers": [[1, 9]]}}])
def test_a_loss_that_cannot_apply_is_told_before_the_teacher_is_looked_into(
    loss: dict[str, Any], data: Any, teacher: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from compactor.distillation import inside

    monkeypatch.setattr(inside, "write_inside", lambda *given, **named: pytest.fail("looked into for nothing"))
    with pytest.raises(StageError, match="L140"):
        distill(tmp_path, data, teacher, student={"layers": 1}, losses=[loss])


@pytest.mark.model
def test_models_without_layers_or_heads_keep_nothing() -> None:
    from compactor.distillation.losses import Shape, parse_losses
    from compactor.stages._inside import _fits

    layered, decoder, bag = Shape(2, 8, (8, 8), (2, 2)), Shape(2, 8, causal=True), Shape(0, 8)
    assert _fits(parse_losses(["minilm", "hidden_states"]), [layered], layered)
    assert not _fits(parse_losses(["minilm"]), [layered], decoder)
    assert not _fits(parse_losses(["minilm"]), [bag], layered)
    assert not _fits(parse_losses(["hidden_states"]), [layered, bag], layered)


@pytest.mark.model
def test_the_teacher_answers_once_for_all_students(
    data: Any, teacher: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from compactor.distillation import teacher_outputs

    asked: list[int] = []
    write = teacher_outputs.write_teacher_logits
    monkeypatch.setattr(teacher_outputs, "write_teacher_logits", lambda *a, **k: (asked.append(1), write(*a, **k)))
    for name in ("one", "two"):
        distill(tmp_path, data, teacher, name, student={"layers": 1}, train={**TRAIN, "epochs": 0.2})
    assert asked == [1]


@pytest.mark.model
def test_labels_alone_need_no_teacher(data: Any, teacher: Artifact, tmp_path: Path) -> None:
    work = make_work(tmp_path, "student", data, reporter=Listener())
    Distill.model_validate({"losses": ["cross_entropy"], "train": TRAIN}).run(teacher, work)
    assert work.facts["validation"]["value"] > 0.9
    with pytest.raises(StageError, match="has none"):
        Distill.model_validate({"train": TRAIN}).run(teacher, make_work(tmp_path, "other", data))


@pytest.mark.model
def test_the_same_seed_gives_the_same_bytes(data: Any, teacher: Artifact, tmp_path: Path) -> None:
    settings = {"student": {"layers": 1, "hidden": 16, "init": "pca"}, "train": {**TRAIN, "epochs": 1}}
    one, two = (distill(tmp_path, data, teacher, name, **settings) for name in ("one", "two"))
    assert (one.folder / "model.safetensors").read_bytes() == (two.folder / "model.safetensors").read_bytes()


@pytest.mark.model
def test_a_loss_that_looks_inside_a_teacher_with_other_pieces_is_refused(data: Any, teacher: Artifact, tmp_path: Path) -> None:
    other = make_work(tmp_path, "other", data)
    Teacher.model_validate({"config": {**CONFIG, "vocabulary": 150}, "train": {"epochs": 0.1}}).run(None, other)
    work = make_work(tmp_path, "student", data, teacher=teacher)
    with pytest.raises(StageError) as raised:
        Distill.model_validate({"losses": ["hidden_states"], "train": TRAIN}).run(artifact(other.folder), work)
    assert raised.value.problem.code == "L141"


@pytest.mark.model
def test_a_users_own_loss(data: Any, teacher: Artifact, tmp_path: Path) -> None:
    from tests.distillation.losses.test_terms import OWN

    (tmp_path / "cosine.py").write_text(OWN)
    stage = Distill.model_validate({"losses": ["./cosine.py"], "train": TRAIN}, context={"near": (tmp_path,)})
    work = make_work(tmp_path, "student", data, teacher=teacher)
    stage.run(teacher, work)
    assert work.facts["validation"]["value"] > 0.9
