"""The labels that the packaged model forgot most, beside the teacher."""

from __future__ import annotations

from compactor.report.markup import Markup
from compactor.report.noted_table import noted_table
from compactor.report.rows import Report

HEAD = ("label", "rows", "teacher right", "packaged right", "lost", "gained", "p")
MOST = 10
ALL_TOGETHER = 0.05


def forgotten_rows(report: Report) -> list[tuple[str, ...]]:
    """Return the labels with more rows lost than gained, the worst first; nothing where the record has no figures by label."""
    found = [each for each in report.source.get("by_label") or () if each["lost"] > each["gained"]]
    found.sort(key=lambda each: (each["gained"] - each["lost"], each["p"]))
    names = ("rows", "teacher", "packaged", "lost", "gained")
    return [(str(each["label"]), *(f"{each[name]:,}" for name in names), _chance(each["p"])) for each in found[:MOST]]


def forgotten_note(report: Report) -> str:
    """Return how the table is read, and how many labels lost and gained."""
    labels = report.source.get("by_label") or ()
    lost, gained = (sum(each[one] > each[other] for each in labels) for one, other in (("lost", "gained"), ("gained", "lost")))
    bar = ALL_TOGETHER / max(1, len(labels))
    real = sum(each["p"] < bar for each in labels)
    told = {0: "none is", 1: "one is"}.get(real, f"{real} are")
    return (
        f"Of {len(labels):,} labels {lost:,} lost rows and {gained:,} gained some, the packaged model beside the teacher; "
        f"shown are at most {MOST} that lost most. Lost: the teacher is right and the packaged model wrong; gained: the other way round. "
        "p is McNemar's exact test for the label alone. Among so many labels some p are small by chance: "
        f"below {bar:.2g} a change is more than that, and {told}."
    )


def forgotten_html(report: Report) -> list[Markup]:
    """Return the table with its note; nothing where no label lost."""
    return noted_table(forgotten_note(report), HEAD, forgotten_rows(report), "Labels that were forgotten")


def _chance(p: float) -> str:
    return f"{p:.2g}" if p >= 0.001 else "< 0.001"
