"""A linear n-gram model as a second teacher: cheap, strong on small data, and asked only about rows it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from compactor.base.errors import StageError
from compactor.distillation.ngrams import ngram_features

FOLDS = 4
LOGITS = "linear.npy"


def out_of_fold_logits(texts: Sequence[str], labels: np.ndarray, classes: int, *, seed: int) -> np.ndarray:
    """Return log probabilities of a linear model for its own training rows, float32 (rows, classes).

    The rows are cut into four parts, and each part is answered by a model fitted on the other three. A model asked about the rows it
    was fitted on is nearly always sure and right, and would teach nothing but the labels.

    Args:
        texts: the rows' texts.
        labels: int64 (rows,).
        classes: number of labels; one that is missing from three parts gets a very low probability there.
        seed: for the cut.

    Raises:
        StageError: L115 there is nothing to learn: all rows have one label, or no text has a word.
    """
    if len(np.unique(labels)) < 2:
        raise _nothing_to_learn("all training rows have the same label")
    fold = np.random.default_rng(seed).permutation(len(texts)) % FOLDS
    answers = np.full((len(texts), classes), np.log(1e-6), dtype=np.float32)
    for number in range(FOLDS):
        seen, asked = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        known = np.unique(labels[seen])
        if len(known) == 1:
            # The rows of all other labels are the ones that are asked: whoever saw the rest would answer what it saw.
            answers[asked, int(known[0])] = 0.0
            continue
        model = _fitted([texts[row] for row in seen.tolist()], labels[seen], seed)
        answers[np.ix_(asked, model.classes_.astype(int))] = model.predict_log_proba([texts[row] for row in asked.tolist()])
    return np.maximum(answers, np.log(1e-6), dtype=np.float32)


def _fitted(texts: Sequence[str], labels: np.ndarray, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    regression = LogisticRegression(C=10.0, max_iter=60, tol=1e-3, random_state=seed)
    model = make_pipeline(ngram_features(texts, longest=4), regression)
    try:
        return model.fit(texts, labels)
    except ValueError as error:
        raise _nothing_to_learn(f"no model can be fitted on the training rows ({error})") from error


def _nothing_to_learn(why: str) -> StageError:
    return StageError("L115", f"the linear teacher has nothing to learn: {why}", "leave teacher.linear_teacher out")


def write_linear_logits(texts: Sequence[str], labels: np.ndarray, classes: int, folder: Path, *, seed: int) -> None:
    """Write what `out_of_fold_logits` returns."""
    np.save(folder / LOGITS, out_of_fold_logits(texts, labels, classes, seed=seed))


def read_linear_logits(folder: Path) -> np.ndarray:
    """Return what was written, memory-mapped."""
    logits: np.ndarray = np.load(folder / LOGITS, mmap_mode="r")
    return logits
