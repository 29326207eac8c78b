"""Every error a user can meet: a code, a sentence, what to do, and the place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """Where in a text file something is wrong; line and column count from 1."""

    file: str
    line: int
    column: int
    excerpt: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Problem:
    """One mistake in a profile, to be shown together with all the others."""

    code: str
    sentence: str
    hint: str = ""
    place: Place | None = None

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        hint = f" ({self.hint})" if self.hint else ""
        lines = [f"{where}{self.code}: {self.sentence}{hint}"]
        if self.place and self.place.excerpt:
            lines += [f"    {self.place.excerpt}", "    " + " " * (self.place.column - 1) + "^"]
        return "\n".join(lines)


class CompactorError(Exception):
    """Base of all errors that are told to a user in one line; `exit_status` is the shell's."""

    exit_status = 1

    def __init__(self, code: str, sentence: str, hint: str = "", place: Place | None = None) -> None:
        super().__init__(sentence)
        self.problem = Problem(code, sentence, hint, place)

    def __str__(self) -> str:
        return str(self.problem)


class StageError(CompactorError):
    """A stage could not do its work: bad weights, NaN loss, parity lost, disk full."""


class ProfileError(CompactorError):
    """The profile, or the data it names, is wrong; holds every problem found."""

    exit_status = 2

    def __init__(self, problems: list[Problem]) -> None:
        first = problems[0]
        super().__init__(first.code, first.sentence, first.hint, first.place)
        self.problems = sorted(problems, key=lambda p: (p.place.line, p.place.column) if p.place else (0, 0))

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class DataError(ProfileError):
    """The data cannot be used as the profile says: a column, a label, an encoding, a split."""

    def __init__(self, code: str, sentence: str, hint: str = "", place: Place | None = None) -> None:
        super().__init__([Problem(code, sentence, hint, place)])


class MissingError(CompactorError):
    """Something that is needed is not there: a package, a device, the hub."""

    exit_status = 4


def disk_error(error: OSError, path: Path) -> StageError:
    """Turn a failed write into a sentence of its own; nothing half-written is left behind."""
    import errno

    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StageError("R101", f"the disk is full while writing {path}", "free some space, then run the same command again")
    return StageError("R102", f"cannot write {path}: {error.strerror or error}", "check the path and its permissions")
