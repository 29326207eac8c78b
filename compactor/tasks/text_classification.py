"""Text classification: one label for a text, or for a pair of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from compactor.tasks._contract import LabelKind, Quality, Task, check_answers

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

    def quality(
        self,
        logits: np.ndarray,
        labels: np.ndarray,
        *,
        split: str,
        seed: int,
        teacher_logits: np.ndarray | None = None,
        names: tuple[str, ...] = (),
    ) -> Quality:
        """Score answers by accuracy; macro F1 and Matthews correlation stand beside it. See `Task.quality`."""
        import numpy as np

        from compactor.tasks.metrics import accuracy, accuracy_interval, confusion_counts, macro_f1, matthews

        check_answers(logits, labels, answers=len(labels))
        confusion = confusion_counts(logits.argmax(axis=1), labels, max(logits.shape[1], int(labels.max()) + 1))
        return Quality(
            metric=self.metric,
            value=float(accuracy(confusion)),
            n=len(labels),
            ci95=accuracy_interval(int(np.trace(confusion)), len(labels), seed=seed),
            split=split,
            others={"macro_f1": float(macro_f1(confusion)), "matthews": float(matthews(confusion))},
            agreement_with_teacher=None if teacher_logits is None else float(self.same(logits, teacher_logits).mean()),
        )

    def value(
        self,
        logits: np.ndarray,
        labels: np.ndarray,
        *,
        names: tuple[str, ...] = (),
        teacher_logits: np.ndarray | None = None,
    ) -> float:
        """Return the accuracy."""
        return float(self.right(logits, labels).mean())

    def same(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return where both choose the same label."""
        same: np.ndarray = one.argmax(axis=1) == other.argmax(axis=1)
        return same

    def right(self, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return where the highest logit is the label's."""
        right: np.ndarray = logits.argmax(axis=1) == labels
        return right
