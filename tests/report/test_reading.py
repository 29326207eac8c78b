from __future__ import annotations

from pathlib import Path

import pytest

from compactor.base.errors import CompactorError, MissingError
from compactor.report.reading import find_run, parse_report, read_report


def test_the_record_is_read_whole(record):
    report = parse_report(record)
    assert [row.id for row in report.rows] == ["teacher", "distill", "prune", "export", "quantize", "package"]
    assert report.chosen.id == "package"
    assert report.teacher.quality.ci95 == (0.9196, 0.9378)
    assert report.control("linear").cells == ()
    assert report.chosen.cells[0].length == "data"


def test_nulls_stay_none(bare):
    report = parse_report(bare)
    row = report.teacher
    assert (row.quality, row.size_bytes, row.seconds, row.evidence, row.cells) == (None, None, None, None, ())
    assert report.limits == {}


@pytest.mark.parametrize("version", [2, "1", None])
def test_another_schema_version_is_refused_in_one_sentence(record, version):
    with pytest.raises(CompactorError, match=f"schema version {version}, this compactor reads version 1") as error:
        parse_report(record | {"schema": version})
    assert error.value.problem.code == "R122"
    assert error.value.problem.hint


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1, "rows": []}', "null"])
def test_what_is_no_report_is_told(tmp_path, text):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(CompactorError) as error:
        read_report(tmp_path)
    assert error.value.problem.code == "R121"


@pytest.mark.parametrize(
    "spoilt",
    [
        {"rows": "teacher"},
        {"rows": {"teacher": {}}},
        {"rows": [{"stage": "teacher"}]},
        {"rows": [{"id": "teacher", "latency_ms": [3]}]},
        {"rows": [{"id": "teacher", "quality": {"value": "good"}}]},
        {"findings": 3},
    ],
)
def test_a_report_with_other_parts_is_told(record, spoilt):
    with pytest.raises(CompactorError, match="is not a report") as error:
        parse_report(record | spoilt)
    assert error.value.problem.code == "R121"


def test_a_run_that_is_not_finished_is_told(tmp_path):
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(MissingError, match="no report") as error:
        read_report(tmp_path)
    assert "not finished" in error.value.problem.hint


def test_a_run_is_found_by_path_and_by_name(tmp_path):
    (tmp_path / "one").mkdir()
    assert find_run(str(tmp_path / "one"), Path("nowhere")) == tmp_path / "one"
    assert find_run("one", tmp_path) == tmp_path / "one"
    with pytest.raises(MissingError, match="there is no run two"):
        find_run("two", tmp_path)
