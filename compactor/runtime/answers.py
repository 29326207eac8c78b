"""From a model's numbers to what an app shows, for each kind of answer."""

from __future__ import annotations

from typing import Any

import numpy as np

from compactor.runtime.interface import ANSWERS
from compactor.runtime.spans import find_spans
from compactor.runtime.texts import Tokens

CLASS, CLASSES, NUMBER, TAGS, VECTOR = ANSWERS


def read_answer(kind: str, output: np.ndarray, labels: tuple[str, ...], tokens: Tokens) -> Any:
    """Return the answer to one text.

    Args:
        kind: what the output means, `answer` in manifest.json; not `vector`, which is no answer for people.
        output: (labels,), or (tokens, labels) for tags.
        labels: names in id order.
        tokens: the text, for tags.
    """
    if kind == CLASSES:
        return several_labels(output, labels)
    if kind == NUMBER:
        return {"label": labels[0], "score": float(output[0])}
    return find_spans(output, labels, tokens) if kind == TAGS else best_label(output, labels)


def confidence(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Return the highest probability of each row by softmax(logits / temperature), float64 (...,) for logits (..., labels)."""
    values = logits.astype(np.float64) / temperature
    highest: np.ndarray = 1.0 / np.exp(values - values.max(axis=-1, keepdims=True)).sum(axis=-1)
    return highest


def best_label(logits: np.ndarray, labels: tuple[str, ...]) -> dict[str, Any]:
    """Return the label with the highest logit and its probability by softmax."""
    weights = np.exp(logits.astype(np.float64) - logits.max())
    best = int(logits.argmax())
    return {"label": labels[best], "score": float(weights[best] / weights.sum())}


def several_labels(logits: np.ndarray, labels: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the labels whose probability, each for itself by the logistic function, is above one half; the likeliest first."""
    found = np.flatnonzero(logits > 0)
    order = found[np.argsort(-logits[found], kind="stable")]
    return [{"label": labels[label], "score": float(1.0 / (1.0 + np.exp(-np.float64(logits[label]))))} for label in order]
