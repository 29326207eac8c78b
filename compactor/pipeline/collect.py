"""A reporter that also keeps the findings of the stage in hand, for its record."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from compactor.base.finding import Finding
from compactor.base.reporter import Bar, Reporter


class Collector(Reporter):
    """Passes everything on to another reporter and remembers the findings."""

    def __init__(self, inner: Reporter) -> None:
        self.inner = inner
        self.findings: list[Finding] = []

    def say(self, sentence: str) -> None:
        """Pass it on."""
        self.inner.say(sentence)

    def event(self, kind: str, **fields: Any) -> None:
        """Pass it on."""
        self.inner.event(kind, **fields)

    def finding(self, finding: Finding) -> None:
        """Keep it and pass it on."""
        self.findings.append(finding)
        self.inner.finding(finding)

    def bar(self, description: str, total: int, unit: str = "steps") -> AbstractContextManager[Bar]:
        """Pass it on."""
        return self.inner.bar(description, total, unit)
