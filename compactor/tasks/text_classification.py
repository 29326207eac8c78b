"""Text classification: one label for a text, or for a pair of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from compactor.tasks._contract import Answered, Difference, LabelKind, Score, Task

if TYPE_CHECKING:
    import numpy as np


class TextClassification(Task):
    """Logits over label names; the answer is the highest."""

    name: ClassVar[str] = "text-classification"
    model_class: ClassVar[str] = "AutoModelForSequenceClassification"
    pipeline_tag: ClassVar[str] = "text-classification"
    metric: ClassVar[str] = "accuracy"
    label_kind: ClassVar[LabelKind] = "class"
    label_loss: ClassVar[str | None] = "cross_entropy"
    teacher_loss: ClassVar[str] = "hinton"

    def score(self, answered: Answered, *, seed: int) -> Score:
        """Return the accuracy; macro F1 and Matthews correlation stand beside it."""
        import numpy as np

        from compactor.tasks.metrics import accuracy, accuracy_interval, confusion_counts, macro_f1, matthews

        logits, labels = answered.logits, answered.labels
        confusion = confusion_counts(logits.argmax(axis=1), labels, max(logits.shape[1], int(labels.max()) + 1))
        interval = accuracy_interval(int(np.trace(confusion)), len(labels), seed=seed)
        others = {"macro_f1": float(macro_f1(confusion)), "matthews": float(matthews(confusion))}
        return Score(float(accuracy(confusion)), len(labels), interval, others)

    def figure(self, answered: Answered) -> float:
        """Return the accuracy."""
        return float(_right(answered.logits, answered.labels).mean())

    def compare(self, first: Answered, second: Answered, *, seed: int) -> Difference:
        """Compare the accuracies row by row."""
        from compactor.tasks.metrics import paired_difference

        one, other = _right(first.logits, first.labels), _right(second.logits, second.labels)
        return paired_difference(one, other, seed)

    def same(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return where both choose the same label."""
        same: np.ndarray = one.argmax(axis=1) == other.argmax(axis=1)
        return same


def _right(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return where the highest logit is the label's, bool (n,)."""
    right: np.ndarray = logits.argmax(axis=1) == labels
    return right
