"""Multi-label classification: any number of labels for a text or a pair, also none."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from compactor.tasks._contract import LabelKind, Quality, Task, check_answers

if TYPE_CHECKING:
    import numpy as np


class MultiLabelClassification(Task):
    """A logit for each label, which stands alone: a text has the labels whose probability sigmoid(logit) is above one half."""

    name: ClassVar[str] = "multi-label-classification"
    model_class: ClassVar[str] = "AutoModelForSequenceClassification"
    pipeline_tag: ClassVar[str] = "text-classification"
    problem_type: ClassVar[str | None] = "multi_label_classification"
    metric: ClassVar[str] = "micro_f1"
    label_kind: ClassVar[LabelKind] = "classes"
    label_loss: ClassVar[str | None] = "binary_cross_entropy"
    teacher_loss: ClassVar[str] = "bernoulli"

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
        """Score answers by F1 over all labels of all rows; F1 label by label and whole sets stand beside it. See `Task.quality`."""
        from compactor.tasks.metrics.resampling import sums_interval
        from compactor.tasks.metrics.sets import f1, macro_f1_of_sets, set_counts, subset_accuracy

        check_answers(logits, labels, answers=len(labels))
        predicted, wanted = logits > 0, labels > 0.5
        counts = set_counts(predicted, wanted)
        return Quality(
            metric=self.metric,
            value=float(f1(counts.sum(axis=0))),
            n=len(labels),
            ci95=sums_interval(f1, counts, seed=seed),
            split=split,
            others={"macro_f1": macro_f1_of_sets(predicted, wanted), "subset_accuracy": subset_accuracy(predicted, wanted)},
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
        """Return micro F1."""
        from compactor.tasks.metrics.sets import f1

        return float(f1(self._counts(logits, labels).sum(axis=0)))

    def same(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return where both give the same set of labels."""
        same: np.ndarray = ((one > 0) == (other > 0)).all(axis=1)
        return same

    def difference(
        self, one: np.ndarray, other: np.ndarray, labels: np.ndarray, *, seed: int, names: tuple[str, ...] = ()
    ) -> tuple[float, tuple[float, float]] | None:
        """Compare micro F1, the rows resampled for both together."""
        from compactor.tasks.metrics.resampling import sums_difference
        from compactor.tasks.metrics.sets import f1

        return sums_difference(f1, self._counts(one, labels), self._counts(other, labels), seed=seed)

    def _counts(self, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        from compactor.tasks.metrics.sets import set_counts

        return set_counts(logits > 0, labels > 0.5)
