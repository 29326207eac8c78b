"""A ladder of students stops at the cheapest within the limits, in the precision of the bundle, and is not climbed twice."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace
from typing import Any

import pytest

from compactor.models.students import AutoStudent, ConvStudent, StaticStudent, TransformerStudent
from compactor.models.students.auto import default_rungs, rung_names
from compactor.stages import Ahead
from compactor.stages.distill import Distill
from compactor.tasks import TASKS
from tests.stages import works

TASK = TASKS.load("text-classification")()
ANYTHING: Any = SimpleNamespace()
RUNGS = [{"family": "static", "hidden": 8, "head": 0}, {"family": "conv", "hidden": 8, "filters": 8}, {"layers": 1}]


def problems(**settings: Any) -> list[tuple[str, str]]:
    """Return (path, code) of what validation says."""
    found = Distill.model_validate(settings).problems(task=TASK, target=ANYTHING)
    return [(".".join(map(str, path)), problem.code) for path, problem in found]


def test_the_default_rungs_fit_the_teacher_and_the_task() -> None:
    rungs = default_rungs(TASK, layers=6, hidden=384, head_size=32, vocabulary=None)
    assert [type(rung) for rung in rungs] == [StaticStudent, ConvStudent, TransformerStudent, TransformerStudent]
    assert tuple(rung_names(rungs)) == ("static", "conv", "2 layers of 128", "3 layers")
    tiny = default_rungs(TASK, layers=1, hidden=16, head_size=8, vocabulary=100)
    assert tuple(rung_names(tiny)) == ("static", "conv", "1 layer of 8", "1 layer")
    assert all(rung.vocabulary == 100 for rung in tiny)
    tags = TASKS.load("token_classification")()
    only = default_rungs(tags, layers=6, hidden=384, head_size=32, vocabulary=None)
    assert tuple(rung_names(only)) == ("2 layers of 128", "3 layers")


@pytest.mark.parametrize(
    ("settings", "path", "code"),
    [
        ({"student": {"family": "auto"}, "exits": {}}, "exits", "P281"),
        ({"student": {"family": "auto"}, "mutual": {}}, "mutual", "P281"),
        ({"student": {"family": "auto"}, "losses": ["hidden_states"]}, "losses", "P282"),
        ({"student": {"family": "auto"}, "phases": [{"freeze": 0}, {}]}, "phases.0.freeze", "P281"),
        ({"student": {"family": "auto", "vocabulary": 10, "rungs": [{"layers": 2}]}}, "student.vocabulary", "P280"),
        ({"student": {"family": "auto", "rungs": [{"layers": 2, "hidden": 8}]}}, "student.rungs.0.init", "P160"),
    ],
)
def test_what_makes_no_sense_on_a_ladder_is_refused(settings: dict[str, Any], path: str, code: str) -> None:
    assert (path, code) in problems(**settings)


def test_a_ladder_of_transformers_may_look_inside_the_teacher() -> None:
    assert problems(student={"family": "auto", "rungs": [{"layers": 2}]}, losses=["hidden_states"]) == []
    assert problems(student={"family": "auto"}, losses=["hinton", "hidden_states"]) == []


def test_the_control_trains_the_student_that_was_taken() -> None:
    stage = Distill.model_validate({"student": {"family": "auto", "rungs": RUNGS}})
    settled = stage.settled({"rung": {"family": "conv", "hidden": 8}})
    assert settled.student == ConvStudent(hidden=8)
    assert settled.on_labels("cross_entropy").student == ConvStudent(hidden=8)
    assert stage.settled({}) is stage
    assert isinstance(stage.student, AutoStudent)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Make a tiny teacher; return (root, data, its artifact)."""
    from compactor.stages.teacher import Teacher

    root = tmp_path_factory.mktemp("ladder")
    data = works.open_small(root)
    work = works.make_work(root, "teacher", data)
    config = {"layers": 1, "hidden": 16, "heads": 2, "vocabulary": 200, "max_positions": 24}
    train = {"epochs": 6, "batch_size": 16, "learning_rate": 1e-2}
    Teacher.model_validate({"config": config, "train": train}).run(None, work)
    return root, data, works.artifact(work.folder)


def ladder_work(place: Any, name: str, **limits: float) -> Any:
    """Return a work that knows its budget, and that export and dynamic int8 follow."""
    from compactor.stages.export import Export
    from compactor.stages.quantize import Quantize
    from compactor.targets import load_target

    root, data, teacher = place
    work = works.make_work(root, name, data, teacher=teacher)
    work.target = load_target("host")
    work.ahead = Ahead(limits, (("export", Export()), ("quantize", Quantize())))
    return work


def stage(**train: Any) -> Distill:
    settings = {"epochs": 4, "batch_size": 16, "learning_rate": 1e-2, **train}
    losses = ["hinton", "hidden_states"]  # the second is for the rung with layers alone
    return Distill.model_validate({"student": {"family": "auto", "rungs": RUNGS}, "losses": losses, "train": settings})


@pytest.mark.model
def test_it_stops_at_the_first_rung_within_the_budget_judged_as_it_will_be_shipped(place: Any) -> None:
    from compactor.measuring.size import size_bytes
    from compactor.stages.export import Export
    from compactor.stages.quantize import Quantize

    work = ladder_work(place, "stops", accuracy_drop=1.0)
    stage(epochs=1).run(place[2], work)
    (row,) = work.facts["distill"]["tries"]
    assert (row["name"], row["taken"], row["met"], row["precision"]) == ("static", True, True, "int8-dynamic")
    assert json.loads((work.folder / "config.json").read_text())["model_type"] == "compactor-static"
    assert [event["name"] for event in work.reporter.events if event["kind"] == "rung"] == ["static"]
    exported, quantized = (works.make_work(place[0], f"stops-{name}", place[1]) for name in ("onnx", "int8"))
    exported.target = quantized.target = work.target
    Export().run(works.artifact(work.folder), exported)
    Quantize().run(works.artifact(exported.folder, "export"), quantized)
    assert row["size_bytes"] == size_bytes(quantized.folder), "the size foretold is the size made"


@pytest.mark.model
def test_when_none_is_within_the_budget_the_nearest_is_taken_and_said(place: Any) -> None:
    work = ladder_work(place, "none", accuracy_drop=0.0, size_mb=1e-6)
    stage(epochs=1).run(place[2], work)
    rows = work.facts["distill"]["tries"]
    assert [row["name"] for row in rows] == ["static", "conv", "1 layer"]
    assert all("size_mb" in row["missed"] for row in rows)
    (taken,) = [row for row in rows if row["taken"]]
    assert taken == min(rows, key=lambda row: (len(row["missed"]), row["drop"], row["size_bytes"]))
    assert [finding.code for finding in work.reporter.findings].count("L280") == 1
    assert work.facts["rung"]["family"] == {"static": "static", "conv": "conv"}.get(taken["name"], "transformer")


@pytest.mark.model
def test_a_rung_that_was_finished_before_a_kill_is_not_trained_again(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from compactor.stages import _ladder

    trained: list[str] = []
    begin = _ladder.on_rung

    def counted(settings: Distill, rung: Any) -> Distill:
        trained.append(rung.family)
        return begin(settings, rung)

    judge = _ladder.Ladder._judged

    def killed(self: Any, model: Any, folder: Any) -> Any:
        if trained == ["static", "conv"]:
            raise KeyboardInterrupt
        return judge(self, model, folder)

    monkeypatch.setattr(_ladder, "on_rung", counted)
    monkeypatch.setattr(_ladder.Ladder, "_judged", killed)
    work = ladder_work(place, "killed", accuracy_drop=0.0, size_mb=1e-6)
    with pytest.raises(KeyboardInterrupt):
        stage(epochs=1).run(place[2], work)
    stage(epochs=1).run(place[2], work)
    assert trained == ["static", "conv", "conv", "transformer"]
    assert [row["name"] for row in work.facts["distill"]["tries"]] == ["static", "conv", "1 layer"]
    made = sorted(path.name for path in work.folder.iterdir())
    shutil.rmtree(work.folder)
    work.folder.mkdir()  # killed once more, before what it left was sealed as an artifact
    stage(epochs=1).run(place[2], work)
    assert trained == ["static", "conv", "conv", "transformer"]
    assert sorted(path.name for path in work.folder.iterdir()) == made
