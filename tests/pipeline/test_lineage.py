"""What an earlier stage took away is not asked of its model, nor of the teacher: told with the line, before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from compactor.base.errors import ProfileError
from compactor.pipeline.profile import load_profile

PROFILE = """\
name: lineage
task: text-classification
target: host
data: {source: builtin:python-docstrings}
stages:
  - teacher: {config: {}, train: {}}
"""
BAG = "distill: {student: {family: static}}"
FEWER = "distill: {student: {layers: 2, vocabulary: 300}}"
INSIDE = "losses: [hinton, hidden_states]"
OTHER = "config: {model_type: distilbert, dim: 32, n_layers: 1, n_heads: 2}"


def problems(folder: Path, *stages: str) -> list[tuple[str, int]]:
    """Return the code and the line of each problem of a profile with these stages, one a line, from line 7."""
    path = folder / "lineage.yaml"
    path.write_text(PROFILE + "".join(f"  - {stage}\n" for stage in stages))
    try:
        load_profile(path)
    except ProfileError as error:
        return [(problem.code, problem.place.line) for problem in error.problems if problem.place]
    return []


@pytest.mark.parametrize(
    "later",
    [
        "distill: {student: {layers: 1}}",
        "distill: {student: {family: static}}",
        "distill: {student: {family: auto}}",
        "prune: {intermediate: 0.5}",
        "prune: {vocabulary: 300, positions: 16}",
        "sparsify: {}",
    ],
)
def test_a_model_without_layers_gives_none(tmp_path: Path, later: str) -> None:
    assert problems(tmp_path, BAG, later) == [("P248", 8)]


@pytest.mark.parametrize(
    "later", ["distill: {student: {family: conv}}", f"distill: {{student: {{{OTHER}}}}}", "prune: {vocabulary: 300}"]
)
def test_what_needs_no_layers_may_follow(tmp_path: Path, later: str) -> None:
    assert problems(tmp_path, BAG, later) == []
    assert problems(tmp_path, BAG, f"distill: {{student: {{{OTHER}}}}}", "prune: {intermediate: 0.5}") == []


@pytest.mark.parametrize(
    "later",
    [
        f"distill: {{student: {{layers: 1}}, {INSIDE}}}",
        f"distill: {{student: {{layers: 1}}, phases: [{{}}, {{{INSIDE}}}]}}",
        f"prune: {{intermediate: 0.5, recover: {{{INSIDE}}}}}",
        f"sparsify: {{recover: {{{INSIDE}}}}}",
    ],
)
def test_a_teacher_whose_pieces_are_not_read_any_more_is_not_looked_into(tmp_path: Path, later: str) -> None:
    assert problems(tmp_path, FEWER, later) == [("P249", 8)]
    assert problems(tmp_path, "prune: {vocabulary: 300}", later) == [("P249", 8)]
    assert problems(tmp_path, "distill: {student: {layers: 2}}", later) == []


def test_the_stage_that_cuts_the_pieces_may_look_inside_and_so_may_who_learns_from_it(tmp_path: Path) -> None:
    assert problems(tmp_path, f"distill: {{student: {{layers: 2, vocabulary: 300}}, {INSIDE}}}") == []
    assert problems(tmp_path, FEWER, f"distill: {{student: {{layers: 1}}, teacher: previous, {INSIDE}}}") == []
    bags = "{family: auto, rungs: [{family: static}, {family: conv}]}"
    assert problems(tmp_path, FEWER, f"distill: {{student: {bags}, {INSIDE}}}") == []
