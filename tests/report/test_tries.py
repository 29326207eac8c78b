"""What a stage tried is a table of the report, of a ladder of students and of the settings of quantize alike."""

from __future__ import annotations

from compactor.report.html import page
from compactor.report.markdown import markdown
from compactor.report.reading import parse_report

RUNGS = [
    {"name": "static", "precision": "int8-dynamic", "value": 0.9, "drop": 0.03, "size_bytes": 1_300_000, "seconds": 49.0,
     "met": False, "missed": ["accuracy_drop"], "taken": False},
    {"name": "2 layers", "precision": "int8-dynamic", "value": 0.925, "drop": 0.005, "size_bytes": 3_400_000, "seconds": 126.0,
     "met": True, "missed": [], "taken": True},
]  # fmt: skip
REPAIRS = [{"name": "as set", "method": "dynamic-int8", "drop": 0.02, "size_bytes": 900_000, "kept_nodes": 0, "met": False}]


def test_each_try_is_a_line_of_the_report(record):
    quantize = next(number for number, row in enumerate(record["rows"]) if row["stage"] == "quantize")
    distill = next(number for number, row in enumerate(record["rows"]) if row["stage"] == "distill")
    record["rows"][distill]["facts"] = {"distill": {"tries": RUNGS}}
    record["rows"][quantize]["facts"] = {"quantize": {"tries": REPAIRS}}
    report = parse_report(record)
    text, shown = markdown(report), page(report)
    assert "| distill | static | int8-dynamic | 90.0 % | -3.0 | 1.30 | 49.0 s | misses accuracy\\_drop |" in text
    assert "| distill | 2 layers | int8-dynamic | 92.5 % | -0.5 | 3.40 | 2 min 06 s | taken, within the limits |" in text
    assert "| quantize | as set | dynamic-int8 | not measured | -2.0 | 0.900 | not measured | misses max\\_drop |" in text
    assert "What was tried" in shown
    assert "taken, within the limits" in shown


def test_a_run_that_tried_nothing_has_no_such_table(record):
    assert "What was tried" not in markdown(parse_report(record))
    assert "What was tried" not in page(parse_report(record))
