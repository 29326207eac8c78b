"""What is timed: a batch of one length, real lengths one by one, texts with their tokenization; and which of these a graph can take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compactor.measuring.evidence import ThisMachine
    from compactor.targets import Target

DATA = "data"  # length of the cell of real lengths
TEXT = "text"  # and of the same texts, tokenized inside the time
MIXED = "mixed"  # made-up inputs of changing lengths, for the memory that they leave behind
MULTI_STREAM_SAMPLES = 8  # of one query: MLPerf inference rules, "MultiStream"


@dataclass(frozen=True)
class Cell:
    """A batch of one length; `length` is `data` or `text` for real lengths one by one, None for a graph without lengths."""

    batch: int
    length: int | str | None

    @property
    def name(self) -> str:
        """Short name, used in files and messages."""
        if isinstance(self.length, str):
            return self.length
        return f"b{self.batch}" + ("" if self.length is None else f"x{self.length}")


def grid(
    target: Target | ThisMachine, scenario: str | None, *, quick: bool, with_samples: bool, most: Sequence[int | None] = ()
) -> list[Cell]:
    """Return the cells to time: real lengths if there are samples, and the target's batches and lengths.

    Args:
        target: says batches and lengths.
        scenario: only the cells of one of MLPerf's scenarios: `single-stream`, `multi-stream`, `offline`, `changing-lengths`.
        quick: of the grid only the smallest batch at the largest length that all models take.
        with_samples: whether there are samples of real length.
        most: tokens that each model takes at most; if no length of the target suits all, the smallest of these is timed too.
    """
    lengths: tuple[int, ...] = target.lengths
    longest = min((each for each in most if each), default=max(lengths))
    if min(lengths) > longest:
        lengths = (longest, *lengths)
    real = [Cell(1, DATA)] if with_samples else []
    if scenario == "changing-lengths":
        return real or [Cell(1, length) for length in lengths]
    batches: tuple[int, ...] = target.batches
    if scenario == "single-stream":
        batches = (1,)
    elif scenario == "multi-stream":
        batches, real = (MULTI_STREAM_SAMPLES,), []
    elif scenario == "offline":
        batches, real = tuple(batch for batch in (*target.batches, 32) if batch > 1), []
    cells = [Cell(batch, length) for batch in dict.fromkeys(batches) for length in lengths]
    if quick:
        wanted = max(batches) if scenario == "offline" else min(batches)
        cells = [Cell(wanted, max(length for length in lengths if length <= longest))]
    return real + cells


def is_length(each: dict[str, Any], axis: int) -> bool:
    """Whether this free axis of an input is the sequence length: the second of a token input, or named so."""
    shape = each["shape"]
    if axis >= len(shape) or isinstance(shape[axis], int):
        return False
    name = str(shape[axis]).lower()
    return "seq" in name or "length" in name or (axis == 1 and len(shape) == 2 and "int" in each["type"])


def fitting_cells(cells: Sequence[Cell], inputs: list[dict[str, Any]], max_length: int | None) -> list[Cell]:
    """Return the cells that a graph can take: its fixed dimensions replace the asked ones, lengths beyond `max_length` are left out."""
    fitted = []
    for cell in cells:
        batch, length = cell.batch, cell.length
        if isinstance(length, str):
            fitted.append(cell)
            continue
        if inputs and inputs[0]["shape"] and isinstance(inputs[0]["shape"][0], int):
            batch = inputs[0]["shape"][0]
        lengths = [each["shape"][1] for each in inputs if len(each["shape"]) == 2 and "int" in each["type"]]
        if not has_lengths(inputs):
            length = next((size for size in lengths if isinstance(size, int)), None)
        elif isinstance(length, int) and max_length is not None and length > max_length:
            continue
        fitted.append(Cell(batch, length))
    return list(dict.fromkeys(fitted))


def has_lengths(inputs: list[dict[str, Any]]) -> bool:
    """Whether a graph takes sequences of any length."""
    return any(is_length(each, axis) for each in inputs for axis in range(1, len(each["shape"])))
