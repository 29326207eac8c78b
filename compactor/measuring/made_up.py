"""Made-up inputs for any graph whose input shapes are known: random ids, masks of ones, normally distributed floats."""

from __future__ import annotations

from typing import Any

import numpy as np

from compactor.base.errors import StageError
from compactor.measuring.cells import Cell, is_length

Feed = dict[str, np.ndarray]
VARIANTS = 4  # made-up inputs of one cell, taken in turn
MIXED_RUNS = 200
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
# Sizes of free axes whose name says what they are, first match; a past of length 0 is the first step of a decoder.
SIZES = (("channel", 3), ("height", 224), ("width", 224), ("past", 0), ("mel", 80), ("frame", 3000), ("sample", 16000))
SIDE = 224  # of an image whose axes have no telling names


def made_up_feeds(
    inputs: list[dict[str, Any]], cell: Cell, *, token_ids: np.ndarray, seed: int, table_rows: dict[str, int] | None = None
) -> list[Feed]:
    """Make up inputs for a cell.

    Args:
        inputs: of the graph, `{name, type, shape}`.
        cell: batch and length.
        token_ids: the ids to draw from, for inputs whose table is not known.
        seed: of the draws.
        table_rows: for inputs that look rows up in a table, the number of its rows.

    Raises:
        StageError: an input has a free dimension of unknown meaning and no size was given for it, or a type without numbers.
    """
    random = np.random.default_rng(seed)
    return [_feed(inputs, cell, token_ids, table_rows or {}, random) for _ in range(VARIANTS)]


def mixed_feeds(
    inputs: list[dict[str, Any]], longest: int, *, token_ids: np.ndarray, seed: int, table_rows: dict[str, int]
) -> list[Feed]:
    """Return 200 inputs of one row each, with lengths drawn evenly from 1 to `longest`."""
    random = np.random.default_rng(seed)
    lengths = random.integers(1, longest + 1, size=MIXED_RUNS)
    return [_feed(inputs, Cell(1, int(length)), token_ids, table_rows, random) for length in lengths]


def with_sizes(inputs: list[dict[str, Any]], sizes: dict[str, list[int]]) -> list[dict[str, Any]]:
    """Put the sizes that a person gave into the inputs' shapes.

    Args:
        inputs: of the graph.
        sizes: by name of an input (all its dimensions), or of a free dimension (one number).

    Raises:
        StageError: a name that the graph does not have, or another number of dimensions.
    """
    free = {size for each in inputs for size in each["shape"] if isinstance(size, str)}
    names = {each["name"]: len(each["shape"]) for each in inputs}
    for name, given in sizes.items():
        expected = names.get(name, 1 if name in free else None)
        if expected is None:
            raise StageError(
                "M117", f"the model has no input and no free dimension {name}", f"one of {', '.join([*names, *sorted(free)])}"
            )
        if expected != len(given):
            raise StageError(
                "M117", f"{name} has {expected} dimensions, and {len(given)} sizes were given", "give one for each"
            )
    return [{**each, "shape": _sized(each, sizes)} for each in inputs]


def how_filled(each: dict[str, Any], tokens: int, table_rows: dict[str, int], *, beside_real: bool = False) -> str:
    """Say in words what an input is filled with when it is made up; `beside_real`: there are real inputs too, which lend their ids."""
    name, kind = each["name"].lower(), dtype_of(each)
    if "mask" in name or kind is np.bool_:
        return "ones"
    if np.issubdtype(kind, np.floating):
        return "normally distributed numbers"
    if "type" in name or "segment" in name:
        return "zeros"
    if "position" in name:
        return "0, 1, 2, ..."
    if beside_real:
        return "ids drawn at random from those of the real inputs"
    if each["name"] in table_rows:
        return f"random ids below {table_rows[each['name']]}, the rows of the table that they index"
    return f"random ids below {tokens}"


def dtype_of(each: dict[str, Any]) -> type:
    """Return the numpy type of an input."""
    if each["type"] not in TYPES:
        raise StageError(
            "M106", f"the input {each['name']} is a {each['type']}, which cannot be made up", "give a model with tensor inputs"
        )
    return TYPES[each["type"]]


def fill(each: dict[str, Any], shape: tuple[int, ...], random: np.random.Generator, ids: np.ndarray) -> np.ndarray:
    """Return one input; `ids` are used where nothing in its name or type says what it holds."""
    name, kind = each["name"].lower(), dtype_of(each)
    if "mask" in name or kind is np.bool_:
        return np.ones(shape, dtype=kind)
    if np.issubdtype(kind, np.floating):
        return random.standard_normal(shape).astype(kind)
    if "type" in name or "segment" in name:
        return np.zeros(shape, dtype=kind)
    if "position" in name:
        return np.broadcast_to(np.arange(shape[-1], dtype=kind), shape).copy()
    return ids.astype(kind)


def _feed(
    inputs: list[dict[str, Any]], cell: Cell, token_ids: np.ndarray, table_rows: dict[str, int], random: np.random.Generator
) -> Feed:
    feed = {}
    for each in inputs:
        shape = tuple(_shape(each, cell))
        rows = table_rows.get(each["name"])
        ids = random.integers(rows, size=shape) if rows else token_ids[random.integers(len(token_ids), size=shape)]
        feed[each["name"]] = fill(each, shape, random, ids)
    return feed


def _sized(each: dict[str, Any], sizes: dict[str, list[int]]) -> list[Any]:
    if each["name"] in sizes:
        return list(sizes[each["name"]])
    return [sizes[size][0] if isinstance(size, str) and size in sizes else size for size in each["shape"]]


def _shape(each: dict[str, Any], cell: Cell) -> list[int]:
    return [size if isinstance(size, int) else _size(each, axis, cell) for axis, size in enumerate(each["shape"])]


def _size(each: dict[str, Any], axis: int, cell: Cell) -> int:
    """Return the size of a free axis by its place, its name, or the kind of input."""
    name = str(each["shape"][axis]).lower()
    if axis == 0:
        return cell.batch
    if "+" not in name and "total" not in name:
        for part, size in SIZES:
            if part in name:
                return size
    if is_length(each, axis) and isinstance(cell.length, int):
        return cell.length
    if len(each["shape"]) == 4 and axis >= 2:
        return SIDE
    raise StageError(
        "M105",
        f"the size of axis {axis} ({each['shape'][axis]}) of the input {each['name']} is free and its meaning is not known",
        f"give its shape, such as --shape {each['name']}=1,3,224,224",
    )
