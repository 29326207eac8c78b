"""Settings of regimes: what makes no sense is refused with its place, and what enters the key."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from compactor.stages.distill import Distill
from compactor.tasks import TASKS

TRAIN = {"epochs": 2, "batch_size": 16, "learning_rate": 2e-3}
HINTON = {"hinton": {"temperature": 1.0}}
PAIRS = {"hidden_states": {"layers": [[1, 2], [2, 4], [3, 6]]}}  # of a teacher with six layers or more
BAG = {"family": "static"}


def problems(task: str = "text-classification", **settings: Any) -> dict[Any, str]:
    stage, named = Distill.model_validate(settings), TASKS.load(task)()
    return {path: problem.code for path, problem in stage.problems(task=named, target=SimpleNamespace())}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "path", "code"),
    [
        ({"phases": [{"losses": [HINTON]}], "train": TRAIN}, ("train",), "P190"),
        ({"phases": [{"losses": [HINTON]}], "losses": [HINTON]}, ("losses",), "P190"),
        ({"phases": [{"losses": [HINTON], "layer_by_layer": True}]}, ("phases", 0, "losses", 0), "P191"),
        ({"phases": [{"layer_by_layer": True}]}, ("phases", 0), "P191"),
        ({"phases": [{}, {"losses": [{"hinton": {"weight": 0}}]}]}, ("phases", 1, "losses"), "P163"),
        ({"student": {"family": "static"}, "phases": [{"freeze": 1}]}, ("phases", 0, "freeze"), "P191"),
        ({"student": BAG, "train": {"checkpointing": True}}, ("train", "checkpointing"), "P191"),
        (
            {"student": {"family": "auto"}, "phases": [{}, {"train": {"checkpointing": True}}]},
            ("phases", 1, "train", "checkpointing"),
            "P191",
        ),
        ({"student": {"layers": 2}, "phases": [{"freeze": 2}, {"freeze": 3}]}, ("phases", 1, "freeze"), "P191"),
        (
            {"student": {"layers": 3}, "mutual": {"peers": [{"layers": 1}]}, "phases": [{"freeze": 2}]},
            ("phases", 0, "freeze"),
            "P191",
        ),
        ({"mutual": {"students": 3, "peers": [{"layers": 1}]}}, ("mutual", "students"), "P192"),
        ({"mutual": {}, "phases": [{"losses": ["hidden_states"], "layer_by_layer": True}]}, ("mutual",), "P192"),
        ({"exits": {}, "phases": [{"losses": ["hidden_states"], "layer_by_layer": True}]}, ("exits",), "P193"),
        ({"ema_teacher": {}, "phases": [{"losses": ["hidden_states"], "layer_by_layer": True}]}, ("ema_teacher",), "P193"),
        ({"mutual": {"peers": [{"vocabulary": 100}]}}, ("mutual", "peers", 0), "P192"),
        ({"mutual": {"peers": [{"hidden": 16}]}}, ("mutual", "peers", 0, "init"), "P160"),
        ({"mutual": {}, "exits": {"layers": [1]}}, ("exits",), "P193"),
        ({"student": {"layers": 2}, "exits": {"layers": [1, 2]}}, ("exits", "layers", 1), "P193"),
        ({"student": {"layers": 1}, "exits": {}}, ("exits",), "P193"),
        ({"student": {"family": "static"}, "exits": {}}, ("exits",), "P193"),
        ({"inside_gb": 1.0}, ("inside_gb",), "P177"),
        ({"teacher": "previous", "teachers": [{}]}, ("teacher",), "P194"),
        ({"teacher": "previous", "losses": ["cross_entropy"]}, ("teacher",), "P194"),
        ({"born_again": {}, "losses": ["cross_entropy"]}, ("born_again",), "P194"),
        ({"student": {"layers": 3}, "born_again": {}, "losses": [PAIRS]}, ("losses", 0), "P194"),
        ({"teachers": [{}, {"model": "previous"}], "teacher_outputs": {"top_k": 4}}, ("teacher_outputs",), "P194"),
        ({"mutual": {"peers": [BAG]}, "losses": [HINTON, "minilm_relations"]}, ("mutual", "peers", 0), "P265"),
        ({"mutual": {"peers": [BAG]}, "phases": [{"freeze": 1}, {}]}, ("phases", 0, "freeze"), "P191"),
        ({"tasks": [{"name": "a", "data": {"train": "a.csv"}}] * 2}, ("tasks", 1, "name"), "P195"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(settings: Any, path: Any, code: str) -> None:
    assert problems(**settings).get(path) == code


def test_a_task_with_many_answers_a_text_has_no_exits_and_no_further_tasks() -> None:
    settings = {"exits": {}, "tasks": [{"name": "a", "data": {"train": "a.csv"}}]}
    found = problems(task="token-classification", **settings)
    assert (found[("exits",)], found[("tasks",)]) == ("P193", "P195")


def test_what_makes_sense_is_not_refused() -> None:
    assert problems(student={"layers": 3}, losses=[PAIRS]) == {}
    assert problems(student={"layers": 3}, born_again={}, losses=["hidden_states", "minilm_relations"]) == {}
    assert problems(student=BAG, mutual={"peers": [{"layers": 2}]}) == {}
    assert problems(train={"checkpointing": True}) == {}
    phases = [{"losses": ["hidden_states"], "layer_by_layer": True}, {"losses": ["cross_entropy"], "freeze": 1}, {}]
    assert problems(phases=phases, born_again={}, ema_teacher={}, exits={}) == {}
    assert problems(mutual={"keep": "first"}, exits={}, ema_teacher={}, teachers=[{}, {"model": "previous"}]) == {}


def test_a_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    from compactor.base.errors import ProfileError
    from compactor.pipeline.profile import load_profile

    path = tmp_path / "wrong.yaml"
    path.write_text(
        "name: wrong\ntask: text-classification\ntarget: host\ndata: {source: builtin:python-docstrings}\nstages:\n"
        "  - teacher: {config: {}, train: {}, ensemble: 1}\n"
        "  - distill:\n      student: {layers: 2}\n      exits:\n        layers: [1, 2]\n      mutual: {studnets: 3}\n"
    )
    with pytest.raises(ProfileError) as raised:
        load_profile(path, check_files=False)
    told = {problem.place.line: problem for problem in raised.value.problems if problem.place}
    assert "did you mean 'students'?" in told[11].hint
    assert told[6].code == "P008"
    path.write_text(path.read_text().replace("studnets: 3", "keep: first").replace("ensemble: 1", "ensemble: 2"))
    with pytest.raises(ProfileError) as raised:
        load_profile(path, check_files=False)
    assert [(problem.code, problem.place.line) for problem in raised.value.problems if problem.place] == [("P193", 10)]


def test_the_key_names_teachers_by_content(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    stages = [Distill.model_validate({"teacher": name}) for name in ("one", "two")]
    assert stages[0].key() == stages[1].key()
    assert stages[0].fingerprint((tmp_path,)) == stages[1].fingerprint((tmp_path,)) != Distill().fingerprint((tmp_path,))
    assert Distill.model_validate({"teacher": "previous"}).key() == {"teacher": "previous"}
    assert Distill().key() == {}


def test_the_control_on_labels_makes_as_many_steps() -> None:
    plain = Distill.model_validate({"student": {"layers": 1}, "train": TRAIN, "exits": {}, "mutual": {}})
    control = plain.on_labels("cross_entropy")
    assert control.key() == {"student": {"layers": 1}, "train": plain.train.key(), "losses": control.key()["losses"]}
    assert [term.name for term in control.losses] == ["cross_entropy"]
    phased = Distill.model_validate({"phases": [{"train": {"epochs": 3}}, {"train": {"epochs": 2, "batch_size": 16}}]})
    assert (phased.on_labels("cross_entropy").train.epochs, phased.on_labels("cross_entropy").train.batch_size) == (5.0, 16)
