"""`validate` and `schema`, as an editor or a CI job uses them."""

from __future__ import annotations

import json

import pytest

RIGHT = """\
name: right
task: text-classification
target: host
data: {source: "builtin:python-docstrings"}
stages:
  - teacher: {config: {layers: 1, hidden: 32, heads: 2}, train: {epochs: 1}}
"""


@pytest.fixture
def profiles(tmp_path):
    (tmp_path / "right.yaml").write_text(RIGHT)
    (tmp_path / "wrong.yaml").write_text(RIGHT.replace("target: host", "target: hots").replace("epochs: 1", "epochs: -1"))


def test_a_right_profile_is_ok(compactor, profiles):
    assert compactor("validate", "right.yaml") == (0, "ok  right.yaml: text-classification on host: teacher\n", "")


def test_each_wrong_profile_is_told_and_the_right_ones_are_ok(compactor, profiles):
    status, out, err = compactor("validate", "wrong.yaml", "right.yaml", "none.yaml")
    assert status == 2
    assert out.startswith("ok  right.yaml")
    assert "wrong.yaml:3:9: P031: there is no target 'hots' (did you mean 'host'?" in err
    column = RIGHT.splitlines()[-1].rindex("1}") + 1
    assert f"wrong.yaml:6:{column}: P008: epochs is -1 (it must be more than 0)" in err
    assert "P001: there is no file none.yaml" in err
    assert err.endswith("3 problems in 2 of 3 profiles\n")


def test_json_for_programs(compactor, profiles):
    status, out, err = compactor("validate", "wrong.yaml", "right.yaml", "--json")
    wrong, right = json.loads(out)
    assert (status, err) == (2, "")
    assert right == {"profile": "right.yaml", "ok": True, "problems": []}
    assert wrong["problems"][0]["code"] == "P031"
    assert (wrong["problems"][0]["file"], wrong["problems"][0]["line"], wrong["problems"][0]["column"]) == ("wrong.yaml", 3, 9)


def test_overrides_are_checked_too(compactor, profiles):
    assert compactor("validate", "wrong.yaml", "--set", "target=host", "--set", "teacher.train.epochs=2")[0] == 0
    status, _, err = compactor("validate", "right.yaml", "--set", "teacher.train.epoch=2")
    assert status == 2
    assert "--set:1:15: P004: unknown setting 'epoch' (did you mean 'epochs'?)\n    teacher.train.epoch=2\n" in err


def test_the_schema_is_json_with_every_shipped_stage(compactor):
    from compactor.stages import STAGES

    status, out, _ = compactor("schema")
    assert status == 0
    assert {f"stage-{name}" for name in STAGES.names()} <= set(json.loads(out)["$defs"])
