"""Multi-label classification: any number of labels for a text or a pair, also none."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from compactor.tasks._contract import Answered, Difference, LabelKind, Score, Task

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

    def score(self, answered: Answered, *, seed: int) -> Score:
        """Return F1 over all labels of all rows; F1 label by label and the share of right sets stand beside it."""
        from compactor.tasks.metrics.resampling import sums_interval
        from compactor.tasks.metrics.sets import f1, macro_f1_of_sets, subset_accuracy

        predicted, wanted = answered.logits > 0, answered.labels > 0.5
        others = {"macro_f1": macro_f1_of_sets(predicted, wanted), "subset_accuracy": subset_accuracy(predicted, wanted)}
        return Score(self.figure(answered), len(wanted), sums_interval(f1, _counts(answered), seed=seed), others)

    def figure(self, answered: Answered) -> float:
        """Return micro F1."""
        from compactor.tasks.metrics.sets import f1

        return float(f1(_counts(answered).sum(axis=0)))

    def compare(self, first: Answered, second: Answered, *, seed: int) -> Difference:
        """Compare micro F1."""
        from compactor.tasks.metrics.resampling import sums_difference
        from compactor.tasks.metrics.sets import f1

        return sums_difference(f1, _counts(first), _counts(second), seed=seed)

    def same(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return where both give the same set of labels."""
        same: np.ndarray = ((one > 0) == (other > 0)).all(axis=1)
        return same


def _counts(answered: Answered) -> np.ndarray:
    from compactor.tasks.metrics.sets import set_counts

    return set_counts(answered.logits > 0, answered.labels > 0.5)
