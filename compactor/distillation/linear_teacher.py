"""A linear n-gram model as a second teacher: cheap, strong on small data, and asked only about rows it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

FOLDS = 4
LOGITS = "linear.npy"
# Above this many rows the character n-grams of all texts do not fit into memory.
MOST_ROWS_WITH_CHARACTERS = 20_000


def out_of_fold_logits(texts: Sequence[str], labels: np.ndarray, classes: int, *, seed: int) -> np.ndarray:
    """Return log probabilities of a linear model for its own training rows, float32 (rows, classes).

    The rows are cut into four parts, and each part is answered by a model fitted on the other three. A model asked about the rows it
    was fitted on is nearly always sure and right, and would teach nothing but the labels.

    Args:
        texts: the rows' texts.
        labels: int64 (rows,).
        classes: number of labels; one that is missing from three parts gets a very low probability there.
        seed: for the cut.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    fold = np.random.default_rng(seed).permutation(len(texts)) % FOLDS
    answers = np.full((len(texts), classes), np.log(1e-6), dtype=np.float32)
    for number in range(FOLDS):
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, dtype=np.float32)
        characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=2, dtype=np.float32)
        features = make_union(words, characters) if len(texts) <= MOST_ROWS_WITH_CHARACTERS else words
        model = make_pipeline(features, LogisticRegression(C=10.0, max_iter=60, tol=1e-3, random_state=seed))
        seen, asked = np.flatnonzero(fold != number).tolist(), np.flatnonzero(fold == number).tolist()
        model.fit([texts[row] for row in seen], labels[seen])
        answers[np.ix_(asked, model.classes_.astype(int))] = model.predict_log_proba([texts[row] for row in asked])
    return np.maximum(answers, np.log(1e-6), dtype=np.float32)


def write_linear_logits(texts: Sequence[str], labels: np.ndarray, classes: int, folder: Path, *, seed: int) -> None:
    """Write what `out_of_fold_logits` returns."""
    np.save(folder / LOGITS, out_of_fold_logits(texts, labels, classes, seed=seed))


def read_linear_logits(folder: Path) -> np.ndarray:
    """Return what was written, memory-mapped."""
    logits: np.ndarray = np.load(folder / LOGITS, mmap_mode="r")
    return logits
