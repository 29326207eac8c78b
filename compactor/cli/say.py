"""What a run tells while it works: sentences and progress on stderr, events as JSON lines in the run folder."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TextIO

from compactor.base.errors import disk_error
from compactor.base.finding import Finding
from compactor.base.reporter import Bar, Reporter

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SHARE_STEP = 0.1
SHORTEST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0


class TerminalReporter(Reporter):
    """Drawn bars on a terminal, sparse lines elsewhere, no bars under CI or with `quiet`.

    Args:
        events_path: where events are appended, one JSON object a line; None keeps none.
        quiet: say nothing; events are written all the same.
        stream: stderr unless a test says otherwise.
        clock: seconds, for the pauses between sparse lines.
    """

    def __init__(
        self,
        events_path: Path | None = None,
        quiet: bool = False,
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._events_path, self._quiet, self._clock = events_path, quiet, clock
        self._stream = sys.stderr if stream is None else stream
        self._events: IO[str] | None = None
        self._progress: Progress | None = None
        self._open_bars = 0

    def say(self, sentence: str) -> None:
        """Print one sentence, above the bars if there are any."""
        if self._quiet:
            return
        if self._progress is not None:
            self._progress.console.print(sentence, markup=False, highlight=False, soft_wrap=True)
        else:
            print(sentence, file=self._stream, flush=True)

    def event(self, kind: str, **fields: Any) -> None:
        """Append `{time, kind, ...}` to the events; flushed at once, so that a kill loses nothing but a half line."""
        if self._events_path is None:
            return
        entry = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "kind": kind, **fields}
        try:
            if self._events is None:
                self._events = _open_at_line(self._events_path)
            self._events.write(json.dumps(_finite(entry), ensure_ascii=False, allow_nan=False, default=str) + "\n")
            self._events.flush()
        except OSError as error:
            raise disk_error(error, self._events_path) from error

    def finding(self, finding: Finding) -> None:
        """Say a finding, and keep it among the events."""
        self.say(f"{finding.severity} {finding.code}: {finding.sentence} ({finding.hint})")
        self.event("finding", **finding.as_dict())

    @contextmanager
    def bar(self, description: str, total: int, unit: str = "steps") -> Iterator[Bar]:
        """Show the progress of `total` units with the time left."""
        if self._quiet or os.environ.get("CI", "").lower() not in {"", "0", "false"}:
            yield Bar()
        elif self._can_draw():
            progress = self._draw()
            task = progress.add_task(description, total=total, unit=unit, shown="")
            try:
                yield _DrawnBar(progress, task)
            finally:
                progress.remove_task(task)
                self._rest()
        else:
            lines = _LineBar(self.say, description, total, unit, self._clock)
            yield lines
            lines.finish()

    def _can_draw(self) -> bool:
        if not self._stream.isatty() or os.environ.get("TERM") == "dumb":
            return False
        try:
            import rich.progress  # noqa: F401
        except ModuleNotFoundError:
            return False
        return True

    def _draw(self) -> Progress:
        """Begin to draw, or go on drawing: bars inside bars share one display."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._open_bars += 1
        if self._progress is None:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[unit]}", markup=False),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[shown]}", markup=False),
            )
            self._progress = Progress(*columns, console=Console(file=self._stream), transient=True)
            self._progress.start()
        return self._progress

    def _rest(self) -> None:
        self._open_bars -= 1
        if self._open_bars == 0 and self._progress is not None:
            self._progress.stop()
            self._progress = None


class _DrawnBar(Bar):
    """One row of rich's display."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def advance(self, count: int = 1, **shown: Any) -> None:
        if shown:
            self._progress.update(self._task, shown=_figures(shown))
        self._progress.advance(self._task, count)

    def restart(self, done: int) -> None:
        # A reset, so that what was done before does not count as speed.
        self._progress.reset(self._task, completed=done)


class _LineBar(Bar):
    """Progress for a log file: a line at each tenth, and at least every half minute."""

    def __init__(self, say: Callable[[str], None], description: str, total: int, unit: str, clock: Callable[[], float]) -> None:
        self._say, self._description, self._total, self._unit, self._clock = say, description, max(total, 1), unit, clock
        self._done = self._before = self._told_at = 0
        self._begun = self._told = clock()
        self._shown = ""

    def advance(self, count: int = 1, **shown: Any) -> None:
        self._done += count
        self._shown = _figures(shown) or self._shown
        pause = self._clock() - self._told
        tenth = (self._done - self._told_at) / self._total >= SHARE_STEP
        if (tenth and pause >= SHORTEST_PAUSE_S) or pause >= LONGEST_PAUSE_S:
            self._tell()

    def restart(self, done: int) -> None:
        self._done = self._before = self._told_at = done

    def finish(self) -> None:
        """Tell the end of what took longer than a moment."""
        if self._done != self._told_at and self._clock() - self._begun >= SHORTEST_PAUSE_S:
            self._tell()

    def _tell(self) -> None:
        now = self._clock()
        made = self._done - self._before
        left = (now - self._begun) / made * (self._total - self._done) if made else 0.0
        times = f"{_duration(now - self._begun)}, {_duration(left)} left" if left else _duration(now - self._begun)
        shown = f", {self._shown}" if self._shown else ""
        share = 100 * self._done // self._total
        self._say(f"{self._description}: {share} % ({self._done}/{self._total} {self._unit}, {times}{shown})")
        self._told, self._told_at = now, self._done


def _finite(value: Any) -> Any:
    """Replace NaN and infinity, which JSON does not have, by their names."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(name): _finite(item) for name, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value


def _figures(shown: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in shown.items())


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _open_at_line(path: Path) -> IO[str]:
    """Open for appending; the half line that a killed run left is closed first, so that the next event stands alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cut = False
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as stream:
            stream.seek(-1, os.SEEK_END)
            cut = stream.read(1) != b"\n"
    opened = path.open("a", encoding="utf-8")
    if cut:
        opened.write("\n")
    return opened
