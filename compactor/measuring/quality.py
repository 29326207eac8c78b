"""A model's answers to a whole split, given as the deployment gives them: one text at a time, without padding."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from compactor.base.atomic import read_json
from compactor.base.errors import StageError
from compactor.base.reporter import Reporter
from compactor.measuring.size import model_file

CHUNK_ROWS = 64


class EncodedRows(Protocol):
    """What is needed of encoded data, see `compactor.data.Encoded`."""

    @property
    def answers(self) -> int:
        """How many answers a model gives to all rows."""

    def __len__(self) -> int: ...

    def batch(self, indices: Any) -> dict[str, np.ndarray]:
        """Return the inputs of some rows, padded to the longest of them."""

    def answer_rows(self, indices: np.ndarray) -> np.ndarray:
        """Return which of all answers these rows give."""

    def gather(self, output: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Return a batch's answers in the order of `answer_rows`."""


def predict(folder: Path, encoded: EncodedRows, *, threads: int, reporter: Reporter, output: str | None = None) -> np.ndarray:
    """Return the answer to every row by the first output, or the one that is named, float32 (answers, labels).

    One answer a row, or one a word where words have tags; a word that was cut off answers 0.

    Batch 1 and no padding: dynamic int8 answers depend on both. One session with one thread for each product, `threads` rows at
    a time (onnxruntime lets go of the interpreter meanwhile); order and values do not depend on `threads`.

    Args:
        folder: an ONNX folder; its interface.json says which inputs are fed.
        encoded: the rows.
        threads: rows answered at the same time.
        reporter: shows progress.
        output: which output answers; the first by default.

    Raises:
        StageError: the model cannot be loaded or does not take these rows.
    """
    session = _session(folder)
    inputs: dict[str, dict[str, Any]] = read_json(folder / "interface.json")["inputs"]
    outputs = [output or session.get_outputs()[0].name]

    def answer(start: int) -> np.ndarray:
        rows = []
        for row in range(start, min(start + CHUNK_ROWS, len(encoded))):
            one = np.array([row])
            batch = encoded.batch(one)
            feed = {name: batch[name].astype(each["dtype"], copy=False) for name, each in inputs.items()}
            rows.append(encoded.gather(session.run(outputs, feed)[0], one))
        return np.concatenate(rows).astype(np.float32)

    starts = range(0, len(encoded), CHUNK_ROWS)
    try:
        with reporter.bar("answering", len(encoded), "rows") as bar:
            parts = []
            for part in _in_order(answer, starts, threads):
                parts.append(part)
                bar.advance(min(CHUNK_ROWS, len(encoded) - CHUNK_ROWS * (len(parts) - 1)))
    except KeyError as error:
        raise StageError(
            "M141", f"{folder.name} wants the input {error}, which the encoded rows do not have", "export it again"
        ) from error
    except Exception as error:
        # onnxruntime raises classes of its own, which share no base but Exception.
        if type(error).__module__.startswith("onnxruntime"):
            raise StageError(
                "M142", f"{folder.name} cannot answer: {_first_line(error)}", "check it with `compactor verify`"
            ) from error
        raise
    if not parts:
        return np.empty((0, 0), dtype=np.float32)
    found = np.concatenate(parts)
    answers = np.zeros((encoded.answers, found.shape[1]), dtype=np.float32)
    answers[encoded.answer_rows(np.arange(len(encoded)))] = found
    return answers


def _in_order(answer: Any, starts: range, threads: int) -> Iterator[np.ndarray]:
    if threads <= 1:
        yield from map(answer, starts)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(answer, starts)


def _session(folder: Path) -> Any:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    path = model_file(folder)
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes share no base
        raise StageError(
            "M140", f"onnxruntime cannot load {path}: {_first_line(error)}", "check it with `compactor verify`"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
