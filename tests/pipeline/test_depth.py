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


def problems(folder: Path, first: str, second: str) -> list[str]:
    (folder / "my-model").mkdir(exist_ok=True)
    config = {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "num_hidden_layers": 4}
    (folder / "my-model/config.json").write_text(json.dumps(config))
    (folder / "my-model/model.safetensors").write_bytes(b"")
    path = folder / "deep.yaml"
    path.write_text(PROFILE.replace("FIRST", first).replace("SECOND", second))
    try:
        load_profile(path)
    except ProfileError as error:
        return [str(problem) for problem in error.problems if problem.code == "P247"]
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
