"""Regimes of the distill stage: phases, several teachers, generations, students together, exits, further tasks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compactor.base.artifact import Artifact
from compactor.base.errors import StageError
from compactor.stages.distill import Distill
from compactor.stages.teacher import Teacher
from tests.stages.works import artifact, make_work, open_small, write_csv

CONFIG = {"layers": 2, "hidden": 32, "heads": 2, "vocabulary": 200, "max_positions": 24}
TRAIN = {"epochs": 2, "batch_size": 16, "learning_rate": 2e-3}
HINTON = {"hinton": {"temperature": 1.0}}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return open_small(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def teacher(data: Any, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A teacher of three seeds."""
    work = make_work(tmp_path_factory.mktemp("teacher"), "teacher", data)
    train = {"epochs": 6, "batch_size": 16, "learning_rate": 5e-3}
    Teacher.model_validate({"config": CONFIG, "train": train, "ensemble": 3}).run(None, work)
    assert work.facts["validation"]["value"] > 0.9
    return artifact(work.folder)


def distill(
    folder: Path, data: Any, chain: Artifact, name: str = "student", source: Artifact | None = None, **settings: Any
) -> Any:
    work = make_work(folder, name, data, teacher=chain)
    given = settings if "phases" in settings else {"train": TRAIN, **settings}
    Distill.model_validate(given).run(source or chain, work)
    return work


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@pytest.mark.model
def test_two_phases_are_two_stages_one_after_another(data: Any, teacher: Artifact, tmp_path: Path) -> None:
    first = {"losses": [{"hidden_states": {"layers": "last"}}], "train": {**TRAIN, "dropout": 0.3}}
    second = {"losses": [HINTON, "cross_entropy"], "train": TRAIN}
    both = distill(tmp_path, data, teacher, "both", student={"layers": 1}, phases=[first, second])
    one = distill(tmp_path, data, teacher, "one", student={"layers": 1}, **first)
    two = distill(tmp_path, data, teacher, "two", source=artifact(one.folder), **second)
    assert weights(both.folder) == weights(two.folder)
    assert [facts["name"] for facts in both.facts["phases"]] == ["phase-1", "phase-2"]
    assert both.facts["training"]["curve"] == two.facts["training"]["curve"]


@pytest.mark.model
def test_layer_by_layer_trains_one_layer_at_a_time(data: Any, teacher: Artifact, tmp_path: Path) -> None:
    from compactor import models

    layered = {"losses": ["hidden_states"], "layer_by_layer": True, "train": {**TRAIN, "epochs": 1}}
    work = distill(tmp_path, data, teacher, student={"init": "random"}, phases=[layered, {"losses": [HINTON], "train": TRAIN}])
    assert [facts["name"] for facts in work.facts["phases"]] == ["phase-1-layer-1", "phase-1-layer-2", "phase-2"]
    states = [load_weights(work.checkpoints / name / "finished") for name in ("phase-1-layer-1", "phase-1-layer-2")]
    changed = {name for name, value in states[0].items() if not (value == states[1][name]).all()}
    assert changed
    assert all("layer.1." in name for name in changed)
    assert models.load(work.folder, work.task).config.num_hidden_layers == 2


@pytest.mark.model
def test_what_is_frozen_stays_as_it_is(data: Any, teacher: Artifact, tmp_path: Path) -> None:
    work = distill(tmp_path, data, teacher, phases=[{"losses": [HINTON, "cross_entropy"], "freeze": 1, "train": TRAIN}])
    before, after = load_weights(teacher.folder, "model.safetensors"), load_weights(work.folder, "model.safetensors")
    changed = {name for name, value in before.items() if not (value == after[name]).all()}
    assert changed
    assert not [name for name in changed if "embeddings" in name or "layer.0." in name]


@pytest.mark.model
def test_a_finished_phase_is_not_done_again(
    data: Any, teacher: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from compactor.stages import _distilling

    phases = [{"losses": [{"hidden_states": {}}], "train": TRAIN}, {"losses": [HINTON], "train": TRAIN}]
    settings = {"student": {"layers": 1}, "phases": phases, "exits": None, "mutual": {"students": 2, "keep": "first"}}
    whole = distill(tmp_path, data, teacher, "whole", **settings)
    fit, seen = _distilling.fit_model, list[str]()

    class KilledError(Exception):
        pass

    def killed(*given: Any, **more: Any) -> Any:
        seen.append(given[5])
        if given[5] == "phase-2":
            raise KilledError
        return fit(*given, **more)

    monkeypatch.setattr(_distilling, "fit_model", killed)
    stage = Distill.model_validate(settings)
    work = make_work(tmp_path, "killed", data, teacher=teacher)
    with pytest.raises(KilledError):
        stage.run(teacher, work)
    monkeypatch.setattr(_distilling, "fit_model", lambda *given, **more: (seen.append(given[5]), fit(*given, **more))[1])
    stage.run(teacher, work)
    assert seen == ["phase-1", "phase-2", "phase-2"]
    assert weights(whole.folder) == weights(work.folder)


@pytest.mark.model
def test_a_teacher_of_several_seeds_answers_with_the_mean(data: Any, teacher: Artifact, tmp_path: Path) -> None:
    from compactor.stages._inputs import model_logits, teacher_logits

    work = make_work(tmp_path, "student", data, teacher=teacher)
    mean = np.exp(teacher_logits(work, "validation"))
    folders = [teacher.folder, teacher.folder / "members" / "2", teacher.folder / "members" / "3"]
    alone = [softmax(model_logits(work, folder, str(folder), "validation")) for folder in folders]
    assert np.abs(alone[0] - alone[1]).max() > 1e-3
    assert mean == pytest.approx(np.mean(alone, axis=0), abs=1e-6)
    learned = distill(tmp_path, data, teacher, "learned", student={"layers": 1})
    assert len(learned.facts["teachers"]) == 3


@pytest.mark.model
def test_a_teacher_of_several_seeds_is_resumed_member_by_member(data: Any, tmp_path: Path) -> None:
    settings = {"config": CONFIG, "train": {"epochs": 0.5, "batch_size": 16}, "ensemble": 2}
    works = [make_work(tmp_path, name, data) for name in ("one", "two")]
    for work in works:
        Teacher.model_validate(settings).run(None, work)
    member = works[1].checkpoints / "members" / "2"
    assert (member / "model.safetensors").is_file()
    assert works[0].facts["ensemble"]["validation"][0] == works[0].facts["validation"]["value"]
    assert weights(works[0].folder) == weights(works[1].folder) != weights(works[1].folder / "members" / "2")


@pytest.mark.model
def test_further_teachers_with_weights_and_another_label_order(data: Any, teacher: Artifact, tmp_path: Path) -> None:
    from compactor.models import load
    from compactor.models.labels import reorder_head
    from compactor.models.saving import save
    from compactor.stages._inputs import model_logits
    from compactor.stages._teachers import mean_logits, resolve_teachers

    work = make_work(tmp_path, "student", data, teacher=teacher)
    other = load(teacher.folder / "members" / "2", work.task)
    reorder_head(other, [2, 0, 1])
    (tmp_path / "other").mkdir()
    save(other, teacher.folder, tmp_path / "other", labels=tuple(data.labels[number] for number in (2, 0, 1)))
    work.near = (tmp_path,)
    stage = Distill.model_validate({"teachers": [{"model": "previous", "weight": 3}, {"model": "other"}]})
    answers = mean_logits(work, resolve_teachers(work, teacher, stage.taught_by()), "validation")
    one = softmax(model_logits(work, teacher.folder, teacher.content, "validation"))
    two = softmax(model_logits(work, teacher.folder / "members" / "2", "again", "validation"))
    assert np.exp(answers) == pytest.approx((3 * one + two) / 4, abs=1e-5)


@pytest.mark.model
def test_an_assistant_stands_between_teacher_and_student(data: Any, teacher: Artifact, tmp_path: Path) -> None:
    """The second student learns from the first: the same as if the first were the chain's teacher."""
    assistant = artifact(distill(tmp_path, data, teacher, "assistant", student={"layers": 1}).folder)
    student = distill(tmp_path, data, teacher, "student", source=assistant, teacher="previous")
    other = distill(tmp_path, data, assistant, "other", source=assistant)
    assert weights(student.folder) == weights(other.folder)
    first = distill(tmp_path, data, teacher, "first", source=assistant)
    assert weights(student.folder) != weights(first.folder)


@pytest.mark.model
def test_the_second_generation_learns_from_the_first(data: Any, teacher: Artifact, tmp_path: Path) -> None:
    shape = {"student": {"layers": 1}, "losses": [HINTON]}
    work = distill(tmp_path, data, teacher, "both", born_again={"generations": 2}, **shape)
    first = distill(tmp_path, data, teacher, "first", **shape)
    assert weights(work.checkpoints / "generation-1" / "model") == weights(first.folder)
    by_first = distill(tmp_path, data, artifact(first.folder), "second", source=teacher, **shape)
    assert weights(work.folder) == weights(by_first.folder)
    assert len(work.facts["generations"]["validation"]) == 2


@pytest.mark.model
def test_generations_go_on_after_a_kill(data: Any, teacher: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from compactor.stages import _generations

    settings = {
        "student": {"layers": 1, "init": "random"},
        "losses": [HINTON],
        "born_again": {"generations": 2},
        "train": TRAIN,
    }
    whole = distill(tmp_path, data, teacher, "whole", **settings)
    made = list[Any]()
    course = _generations.Course

    def second_fails(*given: Any) -> Any:
        made.append(given[4].name)
        if made == ["generation-1", "generation-2"]:
            raise StageError("T1", "stopped")
        return course(*given)

    monkeypatch.setattr(_generations, "Course", second_fails)
    work = make_work(tmp_path, "killed", data, teacher=teacher)
    stage = Distill.model_validate(settings)
    with pytest.raises(StageError):
        stage.run(teacher, work)
    stage.run(teacher, work)
    assert made == ["generation-1", "generation-2", "generation-2"]
    assert weights(work.folder) == weights(whole.folder)


@pytest.mark.model
def test_students_of_different_shapes_learn_together_and_the_best_goes_on(data: Any, teacher: Artifact, tmp_path: Path) -> None:
    from compactor import models

    peers = [{"layers": 2}, {"layers": 1, "hidden": 16, "heads": 2, "init": "pca"}]
    work = distill(tmp_path, data, teacher, student={"layers": 1, "init": "random"}, mutual={"peers": peers})
    told = work.facts["mutual"]
    assert len(told["validation"]) == 3
    assert work.facts["validation"]["value"] == max(told["validation"])
    layers = models.load(work.folder, work.task).config.num_hidden_layers
    assert layers == (1, 2, 1)[told["kept"] - 1]


@pytest.mark.model
def test_exits_stay_beside_the_model_and_loaders_do_not_mind(data: Any, teacher: Artifact, tmp_path: Path) -> None:
    from compactor import models

    work = distill(
        tmp_path, data, teacher, exits={"layers": "all"}, train={**TRAIN, "epochs": 6}, ema_teacher={"keep": "average"}
    )
    assert work.facts["exits"]["1"] > 0.9
    assert json.loads((work.folder / "exits.json").read_text())["layers"] == [1]
    assert models.load(work.folder, work.task).config.num_hidden_layers == 2
    assert "ema_teacher" in work.facts["training"]["curve"][-1]["parts"]


@pytest.mark.model
def test_a_further_task_trains_along_and_leaves_no_head(data: Any, teacher: Artifact, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "other.csv", rows=60, seed=9)
    held_out = [f"{text},refund" for text in data.validation.texts()[:10]]
    path.write_text("\n".join([*path.read_text().splitlines(), *held_out]) + "\n")
    tasks = [{"name": "other", "data": {"train": "other.csv", "validation": 0.2}, "weight": 0.5}]
    work = make_work(tmp_path, "student", data, teacher=teacher)
    work.near = (tmp_path,)
    Distill.model_validate({"tasks": tasks, "train": TRAIN, "student": {"layers": 1}}).run(teacher, work)
    (told,) = work.facts["tasks"]
    assert 0 < told["left_out"] <= 10, "texts that the main task is scored on are not trained on"
    assert told["rows"] + told["left_out"] == 56
    assert work.facts["training"]["rows"] == len(data.train) + told["rows"]
    assert work.facts["validation"]["value"] > 0.9
    assert set(load_weights(work.folder, "model.safetensors")) <= set(load_weights(teacher.folder, "model.safetensors"))


def load_weights(folder: Path, name: str = "weights.safetensors") -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(folder / name))


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
