"""Data settings that a task has no use for are refused with their line, before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from compactor.base.errors import ProfileError
from compactor.pipeline.profile import load_profile

STAGES = """
stages:
  - teacher: {model: org/name, train: {epochs: 1}}
  - export: {}
"""


@pytest.mark.parametrize(
    ("task", "data", "line", "said"),
    [
        ("text-regression", "source: builtin:python-docstrings", 5, "one chapter for each text"),
        ("token-classification", "source: builtin:python-docstrings", 5, "wants other labels"),
        ("text-classification", "train: a.csv\n  separator: '|'", 6, "multi-label-classification"),
        ("token-classification", "train: a.conll\n  text_pair: other", 6, "no second sentence"),
        ("token-classification", "train: a.conll\n  unlabelled: b.csv", 6, "names whole texts"),
    ],
)
def test_settings_without_use_are_told(tmp_path: Path, task: str, data: str, line: int, said: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(f"name: p\ntask: {task}\ntarget: host\ndata:\n  {data}{STAGES}", encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        load_profile(path, check_files=False)
    (problem,) = [problem for problem in caught.value.problems if problem.code == "P029"]
    assert problem.place is not None
    assert problem.place.line == line
    assert said in f"{problem.sentence} {problem.hint}"
