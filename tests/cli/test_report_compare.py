"""`compactor report` and `compactor compare`: what they print, and their exit statuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from compactor.cli.main import main

RECORD = Path(__file__).parents[1] / "report" / "fixtures" / "report.json"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs of one machine; the second is 9 % slower."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shutil.copy(RECORD, tmp_path / name)
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    for cell in record["rows"][-1]["latency_ms"]:
        cell["p50"] *= 1.09
    (tmp_path / "two" / "report.json").write_text(json.dumps(record), encoding="utf-8")
    return tmp_path


def test_report_prints_what_it_wrote(runs, capsys):
    assert main(["report", "one", "--runs", str(runs)]) == 0
    told = capsys.readouterr().out.split()
    assert [Path(path).name for path in told] == ["report.html", "report.md", "report.csv"]
    assert all(Path(path).is_file() for path in told)


def test_a_missing_run_is_exit_4(runs, capsys):
    assert main(["report", "three", "--runs", str(runs)]) == 4
    assert "there is no run three" in capsys.readouterr().err


def test_compare_prints_a_table(runs, capsys):
    assert main(["compare", str(runs / "one"), str(runs / "two")]) == 0
    assert "+9.0 %" in capsys.readouterr().out


def test_a_gate_that_trips_is_exit_3(runs, capsys):
    given = ["compare", "one", "two", "--runs", str(runs)]
    assert main([*given, "--fail-if", "latency_ms>+5%"]) == 3
    assert "latency_ms changed by +9%" in capsys.readouterr().err
    assert main([*given, "--fail-if", "latency_ms>+10%", "--fail-if", "accuracy<-0.1pt"]) == 0
    assert main([*given, "--fail-if", "latency_ms>+10%", "--fail-if", "size_mb>1"]) == 3


def test_compare_json_is_json_alone(runs, capsys):
    assert main(["compare", "one", "two", "--runs", str(runs), "--json", "--fail-if", "latency_ms>+5%"]) == 3
    assert len(json.loads(capsys.readouterr().out)["failed"]) == 1


def test_other_machines_are_exit_2_unless_asked(runs, capsys):
    path = runs / "two" / "report.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["environment"]["machine"]["cpu_model"] = "another"
    path.write_text(json.dumps(record), encoding="utf-8")
    given = ["compare", "one", "two", "--runs", str(runs)]
    assert main(given) == 2
    assert "cpu model differs" in capsys.readouterr().err
    assert main([*given, "--anyway"]) == 0


def test_a_bad_condition_is_exit_2(runs, capsys):
    assert main(["compare", "one", "two", "--runs", str(runs), "--fail-if", "speed>3"]) == 2
    assert "is not understood" in capsys.readouterr().err


def test_another_schema_version_is_one_clear_line(runs, capsys):
    (runs / "one" / "report.json").write_text('{"schema": 7, "rows": [{"id": "teacher"}]}')
    assert main(["report", "one", "--runs", str(runs)]) == 1
    assert "schema version 7, this compactor reads version 1" in capsys.readouterr().err
