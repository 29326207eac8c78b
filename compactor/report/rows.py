"""What a report holds, typed: rows, their scores and their latencies. What was not measured is None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PARTS = ("embeddings", "encoder", "head", "tokenizer", "graph")
LARGER = "larger"  # the part that cascades alone have: their second model
REAL_LENGTH = "data"  # the cell whose texts have the lengths of the data, unpadded

IMAGES = "image-classification"  # the task whose inputs have one size and no lengths

Interval = tuple[float, float]


@dataclass(frozen=True)
class Cell:
    """Latency of one batch x length x threads, in milliseconds; `length` is a token count, `data`, or None for one size.

    `interval` is what was estimated of a median that was not measured; `p50` is None then.
    """

    batch: int
    length: int | str | None
    threads: int | None
    p50: float | None
    p90: float | None
    p99: float | None
    mean: float | None
    n: int | None
    ci95_p50: Interval | None
    cpu_ms: float | None
    interval: Interval | None = None

    @property
    def key(self) -> tuple[int, str, int | None]:
        """What must be equal before two cells may be compared."""
        return (self.batch, "" if self.length is None else str(self.length), self.threads)


@dataclass(frozen=True)
class Score:
    """Quality on one split: a figure from 0 to 1 with its 95 % interval. `against` holds paired differences by row id."""

    metric: str
    value: float
    n: int | None
    ci95: Interval | None
    split: str
    others: Mapping[str, float]
    agreement_with_teacher: float | None
    against: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Row:
    """One row of the trade-off, of the chain or (with `control` set) beside it.

    `mixed_memory_bytes` is resident after inputs of changing lengths, `end_to_end` starts from text, `best_texts_per_s` is the most
    that any batch and number of workers reached, `cost` holds `value` and `currency` of a million answers.
    """

    id: str
    stage: str
    control: str
    settings: Mapping[str, Any]
    kind: str | None
    parameters: int | None
    size_bytes: int | None
    size_by_part: Mapping[str, int]
    zlib_bytes: int | None
    quality: Score | None
    validation_quality: Score | None
    cells: tuple[Cell, ...]
    throughput_per_s: float | None
    load_ms: float | None
    first_ms: float | None
    peak_memory_bytes: int | None
    mixed_memory_bytes: int | None
    end_to_end: Cell | None
    best_texts_per_s: float | None
    energy_mj: float | None
    cost: Mapping[str, Any]
    seconds: float | None
    from_store: bool
    evidence: str | None
    noise: Mapping[str, Any]
    findings: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Report:
    """A whole record; `source` is the JSON value it was read from."""

    name: str
    task: str
    target: Mapping[str, Any]
    environment: Mapping[str, Any]
    limits: Mapping[str, float]
    met: bool
    missed: tuple[Mapping[str, Any], ...]
    selected: str
    rows: tuple[Row, ...]
    controls: tuple[Row, ...]
    findings: tuple[Mapping[str, Any], ...]
    data: Mapping[str, Any]
    reproduce: Mapping[str, Any]
    finished: str
    seconds: float | None
    verdict: str | None
    source: Mapping[str, Any]

    @property
    def teacher(self) -> Row:
        """The row that all others are held against: the first of the chain."""
        return self.rows[0]

    @property
    def chosen(self) -> Row:
        """The row that the budget was judged on."""
        return next((row for row in self.rows if row.id == self.selected), self.rows[-1])

    @property
    def every(self) -> tuple[Row, ...]:
        """Chain and controls."""
        return self.rows + self.controls

    @property
    def sees_images(self) -> bool:
        """Whether what it times are images."""
        return self.task == IMAGES

    def control(self, name: str) -> Row | None:
        """Return a control by name, or None when it was not made."""
        return next((row for row in self.controls if row.control == name), None)
