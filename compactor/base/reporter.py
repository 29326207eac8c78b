"""What long work tells while it runs. This one keeps silent; the door has one that draws bars."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from compactor.base.finding import Finding


class Bar:
    """A progress bar that is not drawn."""

    def advance(self, count: int = 1, **shown: Any) -> None:
        """Say that `count` more units are done; `shown` are figures to print beside the bar."""

    def restart(self, done: int) -> None:
        """Say that `done` units were done before this process began."""


class Reporter:
    """Silent base: takes sentences, events, findings and progress, and drops them."""

    def say(self, sentence: str) -> None:
        """Tell one sentence to the person who waits."""

    def event(self, kind: str, **fields: Any) -> None:
        """Append one machine-readable event (JSON-able fields) to the run's events.jsonl."""

    def finding(self, finding: Finding) -> None:
        """Keep a finding with the artifact in the making, and show it."""

    def bar(self, description: str, total: int, unit: str = "steps") -> AbstractContextManager[Bar]:
        """Show progress of `total` units with the time left."""
        del description, total, unit
        return nullcontext(Bar())


class PassingReporter(Reporter):
    """Passes everything on to another reporter, and remembers the findings."""

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
