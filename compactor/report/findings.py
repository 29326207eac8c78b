"""All findings of a run, each once, the worst first."""

from __future__ import annotations

from dataclasses import dataclass

from compactor.report.rows import Report
from compactor.report.words import row_title

ORDER = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True)
class Told:
    """A finding and the rows that it was seen at; no rows means the data or the run as a whole."""

    code: str
    severity: str
    sentence: str
    hint: str
    seen_at: tuple[str, ...]


def all_findings(report: Report) -> list[Told]:
    """Collect the findings of the run, the chain and the controls; the same sentence at several rows is told once."""
    found: dict[tuple[str, str], Told] = {}
    places = [("", report.findings), *((row_title(row), row.findings) for row in report.every)]
    for place, findings in places:
        for finding in findings:
            code, sentence = str(finding.get("code") or ""), str(finding.get("sentence") or "")
            before = found.get((code, sentence))
            seen = place or str(finding.get("place") or "")
            at = (*(before.seen_at if before else ()), *([seen] if seen else []))
            severity, hint = str(finding.get("severity") or "note"), str(finding.get("hint") or "")
            found[(code, sentence)] = Told(code, severity, sentence, hint, tuple(dict.fromkeys(at)))
    return sorted(found.values(), key=lambda told: (ORDER.get(told.severity, 3), told.code))
