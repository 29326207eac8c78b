"""More layers than there are is told with its line, before any work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compactor.base.errors import ProfileError
from compactor.pipeline.profile import load_profile

PROFILE = """\
name: deep
task: text-classification
target: host
data: {source: builtin:python-docstrings}
stages:
  - teacher: {model: my-model}
  - distill:
      student: {layers: FIRST}
  - distill:
      student: {layers: SECOND}
"""


def problems(folder: Path, first: str, second: str, further: str = "", code: str = "P247") -> list[str]:
    """Return the problems of a profile; `further` are settings of the second distill, on a line of their own."""
    (folder / "my-model").mkdir(exist_ok=True)
    config = {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "num_hidden_layers": 4}
    (folder / "my-model/config.json").write_text(json.dumps(config))
    (folder / "my-model/model.safetensors").write_bytes(b"")
    path = folder / "deep.yaml"
    text = PROFILE.replace("FIRST", first).replace("SECOND", second)
    if further:
        text = text.replace(
            f"distill:\n      student: {{layers: {second}}}", f"distill: {{student: {{layers: {second}}},\n      {further}}}"
        )
    path.write_text(text)
    try:
        load_profile(path)
    except ProfileError as error:
        return [str(problem) for problem in error.problems if problem.code == code]
    return []


@pytest.mark.parametrize(("first", "second"), [("4", "4"), ("3", "[0, 2]"), ("[0, 3]", "2")])
def test_what_is_there_may_be_kept(tmp_path: Path, first: str, second: str) -> None:
    assert problems(tmp_path, first, second) == []


@pytest.mark.parametrize(
    ("first", "second", "line", "told"),
    [
        ("6", "2", 8, "6 layers are wanted, and the model before it has 4"),
        ("2", "3", 10, "3 layers are wanted, and the model before it has 2"),
        ("[0, 4]", "1", 8, "layer 4 is wanted, and the model before it has 4"),
    ],
)
def test_more_is_refused_with_its_line(tmp_path: Path, first: str, second: str, line: int, told: str) -> None:
    (found,) = problems(tmp_path, first, second)
    assert f"deep.yaml:{line}:" in found
    assert told in found


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("losses: [hinton, {hidden_states: {layers: [[1, 7]]}}]", "layer 7 is named for the teacher"),
        ("losses: [hinton, {minilm: {student_layer: 5}}]", "student_layer is 5, the student has 2 layers"),
        ("phases: [{losses: [{patient_kd: {layers: [[3, 4]]}}]}]", "layer 3 is named for the student"),
        ("teacher: previous, losses: [{hidden_states: {layers: [[1, 4]]}}]", "layer 4 is named for the teacher"),
    ],
)
def test_losses_that_name_layers_which_are_not_there_are_refused_with_their_line(
    tmp_path: Path, settings: str, told: str
) -> None:
    found = problems(tmp_path, "3", "2", settings, code="P250")
    assert [told in problem and "deep.yaml:10:" in problem for problem in found] == [True]


@pytest.mark.parametrize(
    "settings",
    [
        "losses: [hinton, {hidden_states: {layers: [[1, 2], [2, 4]]}}, {tinybert: {}}, {minilm_relations: {}}]",
        "teacher: previous, losses: [{hidden_states: {layers: [[2, 3]]}}, minilm]",
        "teacher: other, losses: [{hidden_states: {layers: [[2, 9]]}}]",
    ],
)
def test_losses_may_name_layers_that_are_there_or_may_be(tmp_path: Path, settings: str) -> None:
    assert problems(tmp_path, "3", "2", settings, code="P250") == []
