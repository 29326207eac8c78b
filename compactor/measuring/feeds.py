"""Inputs to time a model with: real samples, and made-up ones for any graph whose input shapes are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from compactor.base.errors import StageError

Feed = dict[str, np.ndarray]
DATA = "data"  # name of the cell of real lengths
VARIANTS = 4  # made-up inputs of one cell, taken in turn
SIDE = 224  # of an image whose height and width are free
TYPES = {
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(bool)": np.bool_,
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
}


class EncodedRows(Protocol):
    """What is needed of encoded data."""

    def __len__(self) -> int: ...

    def batch(self, indices: Any) -> dict[str, np.ndarray]:
        """Return the inputs of some rows, padded to the longest of them: int64 (rows, length)."""


@dataclass(frozen=True)
class Cell:
    """What is timed: a batch of one length, or real lengths one by one (`length` is `data`); None for a graph without lengths."""

    batch: int
    length: int | str | None

    @property
    def name(self) -> str:
        """Short name, used in files and messages."""
        return DATA if self.length == DATA else f"b{self.batch}" + ("" if self.length is None else f"x{self.length}")


def choose_rows(lengths: np.ndarray, count: int = 64, seed: int = 0) -> np.ndarray:
    """Choose rows whose lengths have the distribution of all: the middles of `count` equal shares, in random order.

    Use the same rows for every model, so that all answer the same texts.
    """
    count = min(count, len(lengths))
    order = np.argsort(lengths, kind="stable")
    middles = ((np.arange(count) + 0.5) * len(lengths) / max(count, 1)).astype(int)
    return np.random.default_rng(seed).permutation(order[middles])


def real_feeds(encoded: EncodedRows, rows: Sequence[int] | np.ndarray, interface: dict[str, Any]) -> list[Feed]:
    """Return the inputs of some rows, one row a batch and without padding; the interface says which inputs are fed."""
    names = list(interface["inputs"])
    feeds = []
    for row in rows:
        batch = encoded.batch(np.array([row]))
        feeds.append({name: batch[name].astype(interface["inputs"][name]["dtype"], copy=False) for name in names})
    return feeds


def feeds_of_samples(samples: Sequence[np.ndarray | Feed], inputs: list[dict[str, Any]]) -> list[Feed]:
    """Bring samples into the form that the graph takes: a sample may be its token ids alone, the other inputs are then filled."""
    feeds: list[Feed] = []
    for sample in samples:
        if isinstance(sample, dict):
            feeds.append({each["name"]: np.asarray(sample[each["name"]], dtype=_dtype(each)) for each in inputs})
        else:
            ids = np.asarray(sample).reshape(1, -1)
            feeds.append({each["name"]: _fill(each, ids.shape, np.random.default_rng(0), ids) for each in inputs})
    return feeds


def made_up_feeds(
    inputs: list[dict[str, Any]], cell: Cell, *, token_ids: np.ndarray, seed: int, shapes: dict[str, list[int]]
) -> list[Feed]:
    """Make up inputs for a cell: random tokens out of `token_ids`, masks of ones, normally distributed floats.

    Raises:
        StageError: an input has a free dimension of unknown meaning and no shape was given for it.
    """
    random = np.random.default_rng(seed)
    feeds = []
    for _ in range(VARIANTS):
        feed = {}
        for each in inputs:
            shape = tuple(shapes.get(each["name"]) or _shape(each, cell))
            feed[each["name"]] = _fill(each, shape, random, token_ids[random.integers(len(token_ids), size=shape)])
        feeds.append(feed)
    return feeds


def fitting_cells(cells: Sequence[Cell], inputs: list[dict[str, Any]], max_length: int | None) -> list[Cell]:
    """Return the cells that a graph can take: fixed dimensions replace the asked ones, lengths beyond `max_length` are left out."""
    fitted = []
    for cell in cells:
        batch, length = cell.batch, cell.length
        if length == DATA:
            fitted.append(cell)
            continue
        if inputs and inputs[0]["shape"] and isinstance(inputs[0]["shape"][0], int):
            batch = inputs[0]["shape"][0]
        lengths = [each["shape"][1] for each in inputs if len(each["shape"]) == 2 and "int" in each["type"]]
        if not any(_is_length(each, 1) for each in inputs):
            length = next((size for size in lengths if isinstance(size, int)), None)
        if isinstance(length, int) and max_length is not None and length > max_length:
            continue
        fitted.append(Cell(batch, length))
    return list(dict.fromkeys(fitted))


def write_feeds(path: Path, cells: dict[str, list[Feed]]) -> None:
    """Write the inputs of all cells as the worker reads them: one .npz file, arrays named `cell|index|input`."""
    arrays = {
        f"{cell}|{index}|{name}": array
        for cell, feeds in cells.items()
        for index, feed in enumerate(feeds)
        for name, array in feed.items()
    }
    np.savez(path, **arrays)  # type: ignore[arg-type]


def _dtype(each: dict[str, Any]) -> type:
    if each["type"] not in TYPES:
        raise StageError(
            "M106", f"the input {each['name']} is a {each['type']}, which cannot be made up", "give a model with tensor inputs"
        )
    return TYPES[each["type"]]


def _is_length(each: dict[str, Any], axis: int) -> bool:
    """Whether this free axis of an input is the sequence length: the second of a token input, or named so."""
    shape = each["shape"]
    if axis >= len(shape) or isinstance(shape[axis], int):
        return False
    name = str(shape[axis]).lower()
    return "seq" in name or "length" in name or (axis == 1 and len(shape) == 2 and "int" in each["type"])


def _shape(each: dict[str, Any], cell: Cell) -> list[int]:
    shape = []
    for axis, size in enumerate(each["shape"]):
        if isinstance(size, int):
            shape.append(size)
        elif axis == 0:
            shape.append(cell.batch)
        elif _is_length(each, axis) and isinstance(cell.length, int):
            shape.append(cell.length)
        elif len(each["shape"]) == 4 and axis >= 2:
            shape.append(SIDE)
        else:
            raise StageError(
                "M105",
                f"the size of axis {axis} ({size}) of the input {each['name']} is free and its meaning is not known",
                f"give its shape, such as --shape {each['name']}=1,3,224,224",
            )
    return shape


def _fill(each: dict[str, Any], shape: tuple[int, ...], random: np.random.Generator, ids: np.ndarray) -> np.ndarray:
    name, kind = each["name"].lower(), _dtype(each)
    if "mask" in name or kind is np.bool_:
        return np.ones(shape, dtype=kind)
    if np.issubdtype(kind, np.floating):
        return random.standard_normal(shape).astype(kind)
    if "type" in name or "segment" in name:
        return np.zeros(shape, dtype=kind)
    if "position" in name:
        return np.broadcast_to(np.arange(shape[-1], dtype=kind), shape).copy()
    return ids.astype(kind)
