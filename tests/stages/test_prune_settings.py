"""Settings of prune that make no sense, or change nothing, are told before any work."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from compactor.stages.prune import Prune
from compactor.targets import load_target
from compactor.tasks import TASKS

TASK = TASKS.load("text-classification")()
RECOVER = {"epochs": 1, "learning_rate": 1e-3, "batch_size": 16}


def codes(settings: dict[str, Any], task: Any = TASK) -> list[str]:
    stage = Prune.model_validate(settings)
    return [problem.code for _, problem in stage.problems(task=task, target=load_target("host"))]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"aim": {"parameters": 5e6}}, []),
        ({"aim": {"ratio": 0.5}, "hidden": 0.5, "vocabulary": 500}, []),
        ({"aim": {"ratio": 0.5}, "heads": 0.5}, ["P173"]),
        ({"intermediate": [8, 16], "scope": "global"}, ["P173"]),
        ({"intermediate": 0.1, "scope": "global"}, ["P173"]),
        ({"layers": 2, "steps": 3}, ["P174"]),
        ({"intermediate": 0.5, "gradients": "teacher"}, ["P175"]),
        ({"intermediate": 0.5, "scope": "global", "normalise": "none"}, ["P183"]),
        ({"intermediate": 0.5, "scope": "global", "normalise": "none", "importance": "taylor"}, []),
        ({"intermediate": 0.5, "gradients": "teacher", "importance": "taylor"}, []),
        ({"vocabulary": 500, "recover": {"losses": ["hinton", "minilm_relations"]}}, ["P178"]),
        ({"vocabulary": 500, "recover": {"losses": ["hidden_states", "minilm_relations"]}}, ["P178", "P178"]),
        ({"vocabulary": 500, "recover": {"losses": ["hinton", "cross_entropy"]}}, []),
        ({"vocabulary": 500, "recover": {}}, []),
        ({"layers": 2, "recover": {"losses": ["minilm_relations"]}}, []),
    ],
)
def test_settings_that_make_no_sense_are_told_before_any_work(settings, expected):
    assert codes(settings) == expected


@pytest.mark.parametrize(
    ("settings", "unused"),
    [
        (
            {
                "vocabulary": 500,
                "importance": "magnitude",
                "floor": 0.5,
                "normalise": "l2",
                "schedule": "cubic",
                "refit": False,
                "round_to": 64,
                "scope": "global",
                "calibration": 32,
            },
            ["scope", "normalise", "floor", "importance", "schedule", "refit", "round_to", "calibration"],
        ),
        ({"layers": 2, "refit": True, "scope": "local", "round_to": 8}, []),  # said as it is anyway
        ({"hidden": 0.5, "importance": "magnitude", "refit": False, "calibration": 32}, ["calibration"]),
        ({"heads": 0.5, "importance": "random", "refit": False, "calibration": 32}, ["calibration"]),
        ({"hidden": 0.5, "importance": "magnitude", "calibration": 32}, []),
        ({"hidden": 0.5, "refit": False, "calibration": 32}, []),
        ({"hidden": 0.5, "scope": "global", "normalise": "l2", "floor": 0.5}, ["scope", "normalise", "floor"]),
        ({"intermediate": 0.5, "normalise": "l2", "floor": 0.5}, ["normalise", "floor"]),
        ({"intermediate": 0.75, "scope": "global", "normalise": "l2", "floor": 0.5, "round_to": 4}, []),
        ({"aim": {"ratio": 0.5}, "floor": 0.5, "round_to": 4}, []),
        ({"aim": {"ratio": 0.5}, "normalise": "l2"}, ["normalise"]),
        ({"aim": {"ratio": 0.5, "parts": ["heads"]}, "round_to": 4}, ["round_to"]),
        ({"heads": 0.5, "schedule": "linear"}, ["schedule"]),
        ({"heads": 0.5, "schedule": "linear", "steps": 2}, []),
        ({"heads": 0.5, "intermediate": 32, "round_to": 4}, ["round_to"]),
        ({"intermediate": 32, "round_to": 4, "steps": 2}, []),
    ],
)
def test_a_setting_that_changes_nothing_is_refused(settings, unused):
    found = list(Prune.model_validate(settings).problems(task=TASK, target=load_target("host")))
    assert [path for path, _ in found] == [(name,) for name in unused]
    assert {problem.code for _, problem in found} <= {"P179"}


def test_taylor_on_labels_needs_labels():
    task = TASKS.load("sentence-similarity")()
    assert codes({"intermediate": 0.5, "importance": "taylor"}, task) == ["P175"]


def test_a_graph_in_a_precision_without_kernels_is_refused():
    stage = Prune.model_validate({"aim": {"size_mb": 1}})
    target: Any = SimpleNamespace(name="board", provider="P", precisions=("fp32",))
    assert [problem.code for _, problem in stage.problems(task=TASK, target=target)] == ["P176"]


@pytest.mark.parametrize("aim", [{}, {"ratio": 0.5, "parameters": 1e6}, {"ratio": 1.5}, {"ratio": 0.5, "parts": []}])
def test_an_aim_is_one_figure(aim):
    with pytest.raises(ValidationError):
        Prune.model_validate({"aim": aim})


def test_only_an_aim_on_the_target_ties_the_stage_to_it():
    assert not Prune.model_validate({"aim": {"ratio": 0.5}}).uses_target
    assert Prune.model_validate({"aim": {"size_mb": 1}}).uses_target
