"""Text regression: a number for a text or a pair of texts, such as how alike two sentences are."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from compactor.tasks._contract import LabelKind, Quality, Task, check_answers

if TYPE_CHECKING:
    import numpy as np

NEAR = 0.1  # of the standard deviation of the answers: two models that differ by less say the same


class TextRegression(Task):
    """One number; the scale is the data's."""

    name: ClassVar[str] = "text-regression"
    model_class: ClassVar[str] = "AutoModelForSequenceClassification"
    pipeline_tag: ClassVar[str] = "text-classification"
    problem_type: ClassVar[str | None] = "regression"
    metric: ClassVar[str] = "spearman"
    label_kind: ClassVar[LabelKind] = "number"
    label_loss: ClassVar[str | None] = "mean_squared_error"
    teacher_loss: ClassVar[str] = "logit_mse"

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
        """Score answers by rank correlation; linear correlation, squared error and the share of variance stand beside it.

        See `Task.quality`. The share of variance explained is 1 - squared error / variance of the labels (R²).
        """
        from compactor.tasks.metrics.ranks import pearson, spearman_interval

        check_answers(logits, labels, answers=len(labels))
        found, wanted = logits[:, 0].astype("float64"), labels[:, 0].astype("float64")
        error, variance = float(((found - wanted) ** 2).mean()), float(wanted.var())
        return Quality(
            metric=self.metric,
            value=self.value(logits, labels),
            n=len(labels),
            ci95=spearman_interval(found, wanted, seed=seed),
            split=split,
            others={
                "pearson": pearson(found, wanted),
                "mean_squared_error": error,
                "explained_variance": 1.0 - error / variance if variance else 0.0,
            },
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
        """Return the rank correlation."""
        from compactor.tasks.metrics.ranks import spearman

        return spearman(logits[:, 0], labels[:, 0])

    def same(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return where the numbers are nearer than a tenth of the second model's standard deviation."""
        import numpy as np

        same: np.ndarray = np.abs(one[:, 0] - other[:, 0]) <= NEAR * max(float(other.std()), 1e-6)
        return same

    def difference(
        self, one: np.ndarray, other: np.ndarray, labels: np.ndarray, *, seed: int, names: tuple[str, ...] = ()
    ) -> tuple[float, tuple[float, float]] | None:
        """Compare the rank correlations, the rows resampled for both together."""
        from compactor.tasks.metrics.ranks import spearman_draws
        from compactor.tasks.metrics.resampling import interval

        wanted = labels[:, 0]
        draws = spearman_draws([(one[:, 0], wanted), (other[:, 0], wanted)], seed=seed)
        return self.value(one, labels) - self.value(other, labels), interval(draws[0] - draws[1])
