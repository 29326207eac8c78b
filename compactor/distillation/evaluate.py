"""A torch model's answers on encoded rows, and how often they are right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from compactor.base.reporter import Reporter
from compactor.models.feeding import feed

if TYPE_CHECKING:
    from compactor.data import Encoded


def predict(
    model: Any, encoded: Encoded, *, threads: int, reporter: Reporter | None = None, batch_size: int = 32
) -> np.ndarray:
    """Return a model's logits, float32 (rows, labels), in the order of the rows; the model is put into `eval()`.

    Rows of similar length are answered together. On a GPU when there is one; the model is back on the CPU afterwards.
    """
    torch.set_num_threads(threads)
    home = next(model.parameters()).device
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device).eval()
    logits: np.ndarray | None = None
    batches = list(_by_length(np.asarray(encoded.lengths), batch_size))
    with (reporter or Reporter()).bar("answers", len(encoded), "rows") as bar, torch.inference_mode():
        for rows in batches:
            answers = model(**feed(model, encoded.batch(rows), device)).logits.float().cpu().numpy()
            if logits is None:
                logits = np.empty((len(encoded), answers.shape[1]), dtype=np.float32)
            logits[rows] = answers
            bar.advance(len(rows))
    model.to(home)
    assert logits is not None, "there are no rows"
    return logits


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of rows whose highest logit is the label's."""
    return float(np.mean(logits.argmax(axis=1) == labels))


def _by_length(lengths: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
