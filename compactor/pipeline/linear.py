"""The n-gram linear model that every neural student must be held against."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from compactor.data import Rows


def fit_linear(train: Rows, *, seed: int) -> Callable[[Rows], np.ndarray]:
    """Fit TF-IDF and logistic regression on the training rows; return a function from rows to scores (n, labels) float32.

    Sentence pairs are joined by a separator. Labels that do not occur in the training rows get the lowest score.
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, dtype=np.float32)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2, dtype=np.float32)
    # Large sets keep the word n-grams alone: the character n-grams of a million texts do not fit.
    features = make_union(words, characters) if len(train) <= 20_000 else words
    model = make_pipeline(features, LogisticRegression(C=10.0, max_iter=300, random_state=seed))
    model.fit(_joined(train), train.labels)
    known = model.classes_.astype(int)

    def scores(rows: Rows) -> np.ndarray:
        values = model.decision_function(_joined(rows))
        if values.ndim == 1:
            values = np.stack([-values, values], axis=1)
        full = np.full((len(rows), int(max(known.max(), train.labels.max())) + 1), values.min() - 1.0, dtype=np.float32)
        full[:, known] = values
        return full

    return scores


def _joined(rows: Rows) -> list[str]:
    pairs = rows.pairs()
    return (
        rows.texts()
        if pairs is None
        else [f"{first} [SEP] {second}" for first, second in zip(rows.texts(), pairs, strict=True)]
    )
