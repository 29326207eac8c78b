"""Two runs side by side: rows matched by stage, differences with intervals, and what was set differently.

Times of other machines, targets, threads or evidences are not compared unless asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from compactor.base.errors import CompactorError
from compactor.report.answers import Change, paired_change
from compactor.report.figures import CellKey, Estimate, cell_of, difference, main_cell, ratio
from compactor.report.reading import read_report
from compactor.report.rows import Report, Row

SAME_MACHINE = ("machine", "cpu_model", "instruction_sets", "cores_allowed", "governor")


class ComparisonError(CompactorError):
    """Two runs whose times must not stand side by side."""

    exit_status = 2


@dataclass(frozen=True)
class Pair:
    """One stage in both runs; a side is None where that run has no such row or did not measure it."""

    id: str
    quality: tuple[float | None, float | None]
    quality_change: Estimate | None
    size_bytes: tuple[int | None, int | None]
    size_ratio: float | None
    latency_ms: tuple[float | None, float | None]
    latency_ratio: Estimate | None


@dataclass(frozen=True)
class Comparison:
    """All of it.

    Attributes:
        selected: the packaged rows.
        paired: changes of quality are taken text by text; otherwise from two intervals, as if the texts were others.
        reasons: why times would not be comparable; empty when they are.
    """

    names: tuple[str, str]
    metric: str
    cells: tuple[CellKey | None, CellKey | None]
    pairs: tuple[Pair, ...]
    selected: Pair
    paired: bool
    settings: tuple[tuple[str, Any, Any], ...]
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        settings = [{"name": name, "first": first, "second": second} for name, first, second in self.settings]
        return {**asdict(self), "settings": settings}


def compare(first: Path, second: Path, *, anyway: bool = False) -> Comparison:
    """Compare the reports of two run folders; changes are second minus first, ratios second over first.

    Args:
        first: the run to hold against.
        second: the run in question.
        anyway: compare times although machine, target, threads or evidence differ.

    Raises:
        ComparisonError: R130, with the reasons.
        MissingError, CompactorError: as `read_report`.
    """
    old, new = read_report(first), read_report(second)
    reasons = tuple(differing_conditions(old, new))
    if reasons and not anyway:
        sentence = f"the times of {first} and {second} cannot be compared: {'; '.join(reasons)}"
        raise ComparisonError("R130", sentence, "measure both under the same conditions, or add --anyway")
    keys = (main_cell(old), main_cell(new))
    change = paired_change(first, second, old, new)
    ids = dict.fromkeys(row.id for row in (*old.every, *new.every))
    pairs = [_pair(name, _row(old, name), _row(new, name), keys, change) for name in ids]
    selected = _pair(" / ".join(dict.fromkeys((old.selected, new.selected))), old.chosen, new.chosen, keys, change)
    return Comparison(
        names=(old.name, new.name),
        metric=old.chosen.quality.metric if old.chosen.quality else "quality",
        cells=keys,
        pairs=tuple(pairs),
        selected=selected,
        paired=change is not None,
        settings=tuple(differing_settings(old, new)),
        reasons=reasons,
    )


def differing_conditions(old: Report, new: Report) -> Iterator[str]:
    """Yield why times of two runs do not belong side by side."""
    if old.task != new.task:
        yield f"the tasks are {old.task} and {new.task}"
    if old.target.get("name") != new.target.get("name"):
        yield f"the targets are {old.target.get('name')} and {new.target.get('name')}"
    if old.chosen.evidence != new.chosen.evidence:
        yield f"the times are {old.chosen.evidence or 'not taken'} and {new.chosen.evidence or 'not taken'}"
    cells = [main_cell(report) for report in (old, new)]
    if all(cells) and [key[:2] for key in cells if key] != [cells[0][:2]] * 2:  # type: ignore[index]
        yield "other batches and lengths were timed"
    machines = [_machine(report) for report in (old, new)]
    for name in SAME_MACHINE:
        one, other = machines[0].get(name), machines[1].get(name)
        if one != other:
            yield f"{name.replace('_', ' ')} {_said(one, other)}"
    threads = [
        sorted({cell.threads for row in report.every for cell in row.cells if cell.threads is not None})
        for report in (old, new)
    ]
    if threads[0] != threads[1] and all(threads):
        yield f"the threads are {_numbers(threads[0])} and {_numbers(threads[1])}"


def differing_settings(old: Report, new: Report) -> Iterator[tuple[str, Any, Any]]:
    """Yield settings that differ: name, value in the first run, value in the second; None where one run does not set it."""
    settings = [dict(_settings(report)) for report in (old, new)]
    for name in dict.fromkeys([*settings[0], *settings[1]]):
        one, other = settings[0].get(name), settings[1].get(name)
        if one != other:
            yield name, one, other


def _settings(report: Report) -> Iterator[tuple[str, Any]]:
    yield "task", report.task
    yield "target", report.target.get("name")
    yield "seed", report.reproduce.get("seed")
    yield from _flat("budget", report.limits)
    yield from _flat("data", report.reproduce.get("data"))
    for row in report.rows:
        yield f"{row.id}", row.stage
        yield from _flat(row.id, row.settings)


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner)
    elif isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
        for index, inner in enumerate(value):
            yield from _flat(name if len(inner) == 1 else f"{name}.{index}", inner)
    elif value is not None:
        yield name, value


def _pair(
    name: str, old: Row | None, new: Row | None, keys: tuple[CellKey | None, CellKey | None], change: Change | None
) -> Pair:
    scores = tuple(row.quality if row else None for row in (old, new))
    cells = tuple(cell_of(row, key) if row else None for row, key in zip((old, new), keys, strict=True))
    sizes = (old.size_bytes if old else None, new.size_bytes if new else None)
    return Pair(
        id=name,
        quality=(scores[0].value if scores[0] else None, scores[1].value if scores[1] else None),
        quality_change=_quality_change(old, new, change),
        size_bytes=sizes,
        size_ratio=sizes[1] / sizes[0] if sizes[0] and sizes[1] is not None else None,
        latency_ms=(cells[0].p50 if cells[0] else None, cells[1].p50 if cells[1] else None),
        latency_ratio=ratio(cells[1], cells[0]) if cells[0] and cells[1] else None,
    )


def _quality_change(old: Row | None, new: Row | None, change: Change | None) -> Estimate | None:
    """Return the second row's quality minus the first's, paired where both answers were kept."""
    if old is None or new is None or old.quality is None or new.quality is None:
        return None
    if (old.quality.metric, old.quality.split) != (new.quality.metric, new.quality.split):
        return None
    paired = change(old.id, new.id) if change else None
    return difference(new.quality, old.quality) if paired is None else paired


def _row(report: Report, name: str) -> Row | None:
    return next((row for row in report.every if row.id == name), None)


def _machine(report: Report) -> Mapping[str, Any]:
    machine = report.environment.get("machine")
    return machine if isinstance(machine, Mapping) else report.environment


def _said(one: Any, other: Any) -> str:
    if isinstance(one, list) and isinstance(other, list):
        lost, won = sorted(set(one) - set(other)), sorted(set(other) - set(one))
        return f"differ ({', '.join([f'-{name}' for name in lost] + [f'+{name}' for name in won])})"
    return f"differs: {one} and {other}"


def _numbers(values: list[int]) -> str:
    return ", ".join(map(str, values))
