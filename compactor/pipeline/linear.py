"""The n-gram linear model that every neural student must be held against."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from compactor.data import Rows


KINDS = frozenset({"class", "classes", "number"})  # of labels; a tag needs the words around it; for images see `linear_pixels`


def fit_linear(train: Rows, *, seed: int) -> Callable[[Rows], np.ndarray]:
    """Fit TF-IDF and a linear model on the training rows; return a function from rows to answers as tasks score them, float32.

    Logistic regression for classes, one for each label where a row may have several, ridge regression for numbers. Sentence pairs
    are joined by a separator. Classes that do not occur in the training rows get the lowest score.

    Raises:
        ValueError: nothing can be fitted on these rows: all have one label, or no text has a word.
    """
    import numpy as np
    from sklearn.pipeline import make_pipeline

    from compactor.distillation.ngrams import ngram_features

    features = ngram_features(_joined(train), longest=5)
    if train.labels.ndim == 1:
        return _classes(features, train, seed)
    model = make_pipeline(features, _sets(seed) if _are_sets(train.labels) else _numbers(seed))
    model.fit(_joined(train), train.labels)
    answer = model.decision_function if _are_sets(train.labels) else model.predict
    columns = train.labels.shape[1]

    def scores(rows: Rows) -> np.ndarray:
        answers: np.ndarray = np.asarray(answer(_joined(rows)), dtype=np.float32).reshape(len(rows), columns)
        return answers

    return scores


def _classes(features: Any, train: Rows, seed: int) -> Callable[[Rows], np.ndarray]:
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

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


def _are_sets(labels: np.ndarray) -> bool:
    """Whether float labels (n, columns) are sets of labels, and not numbers."""
    return bool(labels.shape[1] > 1 or ((labels == 0) | (labels == 1)).all())


def _sets(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    return OneVsRestClassifier(LogisticRegression(C=10.0, max_iter=300, random_state=seed))


def _numbers(seed: int) -> Any:
    from sklearn.linear_model import Ridge

    return Ridge(alpha=1.0, random_state=seed)


def _joined(rows: Rows) -> list[str]:
    pairs = rows.pairs()
    return (
        rows.texts()
        if pairs is None
        else [f"{first} [SEP] {second}" for first, second in zip(rows.texts(), pairs, strict=True)]
    )
