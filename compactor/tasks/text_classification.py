"""Text classification: one label for a text, or for a pair of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from compactor.tasks._contract import Quality, Task

if TYPE_CHECKING:
    import numpy as np


class TextClassification(Task):
    """Logits over label names; the answer is the highest."""

    name: ClassVar[str] = "text-classification"
    model_class: ClassVar[str] = "AutoModelForSequenceClassification"
    metric: ClassVar[str] = "accuracy"

    def inputs(self, *, pair: bool) -> tuple[str, ...]:
        """Ids and mask; token types only for pairs, since a single text has one type."""
        return ("input_ids", "attention_mask", "token_type_ids") if pair else ("input_ids", "attention_mask")

    def outputs(self) -> dict[str, tuple[str, ...]]:
        """One row of logits a text."""
        return {"logits": ("batch", "labels")}

    def quality(
        self, logits: np.ndarray, labels: np.ndarray, *, split: str, seed: int, teacher_logits: np.ndarray | None = None
    ) -> Quality:
        """Score answers by accuracy; macro F1 and Matthews correlation stand beside it.

        Args:
            logits: float32 (n, labels).
            labels: int64 (n,).
            split: `validation` or `test`.
            seed: of the bootstrap.
            teacher_logits: float32 (n, labels), for the share of rows where the teacher gives the same answer.

        Raises:
            ValueError: the shapes do not fit, there are no rows, or a logit is not a number.
        """
        import numpy as np

        from compactor.tasks.metrics import accuracy, accuracy_interval, confusion_counts, macro_f1, matthews

        if logits.ndim != 2 or len(logits) != len(labels) or not len(labels):
            raise ValueError(f"{len(labels)} labels for logits of shape {logits.shape}")
        if np.isnan(logits).any():
            raise ValueError(f"{int(np.isnan(logits).any(axis=1).sum())} of {len(logits)} rows have logits that are NaN")
        predicted = logits.argmax(axis=1)
        confusion = confusion_counts(predicted, labels, max(logits.shape[1], int(labels.max()) + 1))
        agreement = None if teacher_logits is None else float((predicted == teacher_logits.argmax(axis=1)).mean())
        return Quality(
            metric=self.metric,
            value=float(accuracy(confusion)),
            n=len(labels),
            ci95=accuracy_interval(int(np.trace(confusion)), len(labels), seed=seed),
            split=split,
            others={"macro_f1": float(macro_f1(confusion)), "matthews": float(matthews(confusion))},
            agreement_with_teacher=agreement,
        )

    def right(self, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return where the highest logit is the label's."""
        right: np.ndarray = logits.argmax(axis=1) == labels
        return right

    def answer(self, logits: np.ndarray, labels: tuple[str, ...]) -> list[dict[str, Any]]:
        """Return the best label of each row with its softmax probability."""
        import numpy as np

        shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
        exponentials = np.exp(shifted)
        scores = exponentials / exponentials.sum(axis=1, keepdims=True)
        best = logits.argmax(axis=1)
        return [{"label": labels[label], "score": float(scores[row, label])} for row, label in enumerate(best)]
