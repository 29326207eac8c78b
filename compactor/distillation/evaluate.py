"""A torch model's answers on encoded rows, and how often they are right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from compactor.base.reporter import Reporter
from compactor.distillation.precision import Precision, answering_precision, computing_in
from compactor.models.feeding import feed

if TYPE_CHECKING:
    from compactor.data import Encoded


def predict(
    model: Any, encoded: Encoded, *, threads: int, reporter: Reporter | None = None, batch_size: int = 32
) -> np.ndarray:
    """Return a model's answers, float32 (answers, outputs), in the order of the rows; the model is put into `eval()`.

    One answer a row, or one a word where words have tags; a word that was cut off answers 0 (see `Encoded.answer_rows`).

    Rows of similar length are answered together. On a GPU when there is one; the model is back on the CPU afterwards.
    """
    logits: np.ndarray | None = None
    for places, answers in answer(model, encoded, threads=threads, reporter=reporter, batch_size=batch_size):
        if logits is None:
            logits = np.zeros((encoded.answers, answers.shape[-1]), dtype=np.float32)
        logits[places] = answers
    assert logits is not None, "there are no rows"
    return logits


def answer(
    model: Any,
    encoded: Encoded,
    *,
    threads: int,
    reporter: Reporter | None = None,
    batch_size: int = 32,
    block_rows: int | None = None,
    precision: Precision = "fp32",
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield a model's answers batch by batch: where they belong among all answers, int64 (n,), and they, float32 (n, outputs).

    Args:
        model: put into `eval()`; on a GPU when there is one, and back where it was afterwards.
        encoded: the rows.
        threads: cores that torch may use.
        reporter: gets a bar.
        batch_size: rows answered together.
        block_rows: rows are sorted by length inside blocks of so many, one block after the other; by default all together.
        precision: what the layers compute in; the head and the answers are fp32, and so is all of a model without a body of its own.

    Raises:
        StageError: L155 bf16 is asked for and the GPU has none.
    """
    with (
        answering(model, threads) as device,
        computing_in(answering_precision(precision, device, model), model, device),
        (reporter or Reporter()).bar("answers", len(encoded), "rows") as bar,
    ):
        for rows in by_length(np.asarray(encoded.lengths), batch_size, block_rows or max(1, len(encoded))):
            with torch.inference_mode():
                output = model(**feed(model, encoded.batch(rows), device)).logits.float().cpu().numpy()
            yield encoded.answer_rows(rows), encoded.gather(output, rows)
            bar.advance(len(rows))


@contextmanager
def answering(model: Any, threads: int) -> Iterator[torch.device]:
    """Put a model into `eval()`, on a GPU when there is one, and back where it was afterwards; give the device."""
    torch.set_num_threads(threads)
    home = next(model.parameters()).device
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device).eval()
    try:
        yield device
    finally:
        model.to(home)


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of rows whose highest logit is the label's."""
    return float(np.mean(logits.argmax(axis=1) == labels))


def by_length(lengths: np.ndarray, batch_size: int, block_rows: int) -> Iterator[np.ndarray]:
    """Yield batches of row numbers: rows sorted by length inside blocks of `block_rows`, one block after the other."""
    for first in range(0, len(lengths), block_rows):
        order = first + np.argsort(lengths[first : first + block_rows], kind="stable")
        for start in range(0, len(order), batch_size):
            yield order[start : start + batch_size]
