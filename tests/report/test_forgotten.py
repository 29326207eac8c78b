"""Labels that a small model forgot are told, and told apart from chance."""

from __future__ import annotations

from compactor.report.html import page
from compactor.report.markdown import markdown
from compactor.report.reading import parse_report


def label(name: str, lost: int, gained: int, p: float) -> dict:
    return {"label": name, "rows": 40, "teacher": 38, "packaged": 38 - lost + gained, "lost": lost, "gained": gained, "p": p}


def test_the_labels_that_lost_most_come_first(record):
    record["by_label"] = [
        label("kept", 1, 1, 1.0),
        label("worse", 3, 1, 0.6),
        label("<gone>", 12, 0, 0.0005),
        label("better", 0, 2, 0.5),
        label("same", 0, 0, 1.0),
    ]
    text, shown = markdown(parse_report(record)), page(parse_report(record))
    assert text.index("gone") < text.index("| worse | 40 | 38 | 36 | 3 | 1 | 0.6 |")
    assert "12 | 0 | &lt; 0.001 |" in text
    assert "| kept |" not in text
    assert "Of 5 labels 2 lost rows and 1 gained some" in text
    assert "below 0.01 a change is more than that, and one is." in text
    assert "What was forgotten" in shown
    assert "&lt;gone&gt;" in shown


def test_nothing_is_said_where_no_label_lost_or_the_record_is_older(record):
    record["by_label"] = [label("better", 0, 2, 0.5)]
    assert "forgotten" not in markdown(parse_report(record))
    del record["by_label"]
    assert "What was forgotten" not in page(parse_report(record))
