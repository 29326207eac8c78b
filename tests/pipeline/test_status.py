"""The list of runs goes on past a run whose files are cut or strange."""

from __future__ import annotations

import pytest

from compactor.base.atomic import write_json
from compactor.pipeline.plan import read_plan
from compactor.pipeline.status import runs_status


def states(runs):
    return {entry["name"]: entry["state"] for entry in runs_status(runs)}


@pytest.mark.parametrize("text", ["", '{"budget": {"mis', "[]", '{"budget": {}}', '{"budget": {"missed": [{}]}}', "3"])
def test_a_report_that_cannot_be_read_is_told_and_the_others_are_listed(tmp_path, text):
    for name in ("broken", "whole", "young"):
        write_json(tmp_path / name / "plan.json", {"steps": []})
    (tmp_path / "broken/report.json").write_text(text)
    write_json(tmp_path / "whole/report.json", {"budget": {"missed": []}, "finished": "today"})
    assert states(tmp_path) == {"broken": "unreadable", "whole": "done", "young": "unfinished"}


def test_the_last_whole_event_is_told(tmp_path):
    write_json(tmp_path / "one/plan.json", {"steps": []})
    (tmp_path / "one/events.jsonl").write_bytes(b'{"kind": "step", "label": "distill"}\n[]\n{"kind": "r\xc3')
    assert runs_status(tmp_path)[0]["told"] == "last event: step distill"


@pytest.mark.parametrize("text", ["", '{"steps": [', "[]", "{}", '{"steps": [{"label": "x"}]}'])
def test_a_plan_that_cannot_be_read_is_as_none(tmp_path, text):
    (tmp_path / "plan.json").write_text(text)
    assert read_plan(tmp_path / "plan.json") is None
    assert read_plan(tmp_path / "absent.json") is None
