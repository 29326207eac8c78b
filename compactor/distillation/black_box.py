"""A teacher of whom nothing is known but answers: a table of texts and answers, or a user's own function that is asked.

Answers become logits as a model's would be: of probabilities their logarithm, whose softmax they are; of a label 1 for it and 0 for the
others, of which nothing but the highest means anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from compactor.base.errors import MissingError, StageError
from compactor.base.registry import import_file
from compactor.data.duplicates import keys_of

# Stands in for a probability of nothing, whose logarithm is no number.
LEAST = 1e-9
SUM_TOLERANCE = 1e-2

Answer = Callable[[Sequence[str], Sequence[str] | None], np.ndarray]


def from_labels(given: Sequence[Any], labels: Sequence[str], who: str) -> np.ndarray:
    """Return logits, float32 (n, labels), of label names (or of numbers that are label names); NaN rows where there is none (None, "").

    Raises:
        StageError: A122 a label is not among the names.
    """
    known = {label: number for number, label in enumerate(labels)}
    logits = np.zeros((len(given), len(labels)), dtype=np.float32)
    for row, value in enumerate(given):
        name = "" if value is None else str(value).strip()
        if name in known:
            logits[row, known[name]] = 1.0
        elif name:
            listed = ", ".join(labels[:8]) + (", ..." if len(labels) > 8 else "")
            raise StageError("A122", f"{who} answers {name!r}, which is no label of the data", f"the labels are {listed}")
        else:
            logits[row] = np.nan
    return logits


def from_probabilities(given: Any, count: int, who: str) -> np.ndarray:
    """Return logits, float32 (n, labels): the logarithm of probabilities that may miss the sum of 1 by a hundredth; NaN rows stay.

    Raises:
        StageError: A123 they are no probabilities of `count` labels.
    """
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise StageError(
            "A123", f"{who} gives no table of numbers: {error}", "give a row of probabilities for each text"
        ) from error
    if values.ndim != 2 or values.shape[1] != count:
        sentence = f"{who} gives an array of shape {values.shape}, for {count} labels"
        raise StageError("A123", sentence, "give a row for each text and a column for each label, in the order of the labels")
    answered = ~np.isnan(values).any(axis=1)
    wrong = answered & ((values < 0).any(axis=1) | (np.abs(values.sum(axis=1) - 1.0) > SUM_TOLERANCE))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        sentence = f"{who}: the numbers of row {row} are no probabilities (sum {values[row].sum():.4g})"
        raise StageError("A123", sentence, "give numbers from 0 on that add up to 1, not logits")
    logits: np.ndarray = np.log(np.maximum(values, LEAST)).astype(np.float32)
    return logits


class Table:
    """Answers by text: equal texts, but for case and spaces, have the same; the first of several counts.

    Args:
        texts, pairs: of the rows with answers.
        logits: float32 (rows, labels).
    """

    def __init__(self, texts: Sequence[str], pairs: Sequence[str] | None, logits: np.ndarray) -> None:
        self._keys, first = np.unique(keys_of(texts, pairs), return_index=True)
        self._logits = logits[first]

    def __call__(self, texts: Sequence[str], pairs: Sequence[str] | None) -> np.ndarray:
        """Return logits, float32 (n, labels), NaN for texts that have no answer."""
        keys = keys_of(texts, pairs)
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        answers: np.ndarray = self._logits[places].copy()
        answers[self._keys[places] != keys] = np.nan
        return answers


def load_function(path: Path) -> Callable[..., Any]:
    """Return the function `answer` of a user's own file.

    Raises:
        StageError: A124 the file cannot be imported, or has no such function.
    """
    try:
        function = getattr(import_file(path), "answer", None)
    except Exception as error:  # whatever a user's file raises while it is imported
        raise StageError("A124", f"{path} cannot be imported: {type(error).__name__}: {error}", "mend the file") from error
    if not callable(function):
        raise StageError("A124", f"{path} has no function answer", "write: def answer(texts): return [label, ...]")
    return function  # type: ignore[no-any-return]


def ask(function: Callable[..., Any], texts: Sequence[str], pairs: Sequence[str] | None, who: str) -> Any:
    """Call a user's function with a list of texts (and of second sentences), and return as many answers.

    Raises:
        StageError: A125 it failed, or gave another number of answers.
    """
    try:
        given = function(list(texts)) if pairs is None else function(list(texts), list(pairs))
    except MissingError:
        raise
    except Exception as error:
        sentence = f"{who} failed on {len(texts)} texts: {type(error).__name__}: {error}"
        raise StageError("A125", sentence, "mend it and run again; answers given before are kept") from error
    count = len(given) if hasattr(given, "__len__") else -1
    if count != len(texts):
        raise StageError(
            "A125", f"{who} gave {count} answers for {len(texts)} texts", "give one answer for each text, in order"
        )
    return given


@contextmanager
def network(allowed: bool) -> Iterator[None]:
    """Refuse connections that Python code of this process opens while the block runs, unless the network is allowed.

    It keeps an honest function from sending texts away unasked; it is no wall against one that means to.

    Raises:
        MissingError: A126 a connection was tried.
    """
    if allowed:
        yield
        return
    import socket

    def refuse(self: socket.socket, address: Any, *_: Any) -> None:
        hint = "allow it with --online, and say network: true in the answers stage"
        raise MissingError("A126", f"the answering function wants to connect to {address}", hint)

    kept = socket.socket.connect, socket.socket.connect_ex
    socket.socket.connect = socket.socket.connect_ex = refuse  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        socket.socket.connect, socket.socket.connect_ex = kept  # type: ignore[method-assign]
