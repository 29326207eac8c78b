"""Text regression: a number for a text or a pair of texts, such as how alike two sentences are."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from compactor.tasks._contract import Answered, Difference, LabelKind, Score, Task

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

    def score(self, answered: Answered, *, seed: int) -> Score:
        """Return the rank correlation; linear correlation, squared error and the share of variance stand beside it.

        The share of variance explained is 1 - squared error / variance of the labels (R²).
        """
        from compactor.tasks.metrics.ranks import pearson, spearman_interval

        found, wanted = answered.logits[:, 0].astype("float64"), answered.labels[:, 0].astype("float64")
        error, variance = float(((found - wanted) ** 2).mean()), float(wanted.var())
        others = {
            "pearson": pearson(found, wanted),
            "mean_squared_error": error,
            "explained_variance": 1.0 - error / variance if variance else 0.0,
        }
        return Score(self.figure(answered), len(wanted), spearman_interval(found, wanted, seed=seed), others)

    def figure(self, answered: Answered) -> float:
        """Return the rank correlation."""
        from compactor.tasks.metrics.ranks import spearman

        return spearman(answered.logits[:, 0], answered.labels[:, 0])

    def compare(self, first: Answered, second: Answered, *, seed: int) -> Difference:
        """Compare the rank correlations."""
        from compactor.tasks.metrics.ranks import spearman_draws
        from compactor.tasks.metrics.resampling import interval

        draws = spearman_draws([(each.logits[:, 0], each.labels[:, 0]) for each in (first, second)], seed=seed)
        return self.figure(first) - self.figure(second), interval(draws[0] - draws[1])

    def same(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return where the numbers are nearer than a tenth of the second model's standard deviation."""
        import numpy as np

        same: np.ndarray = np.abs(one[:, 0] - other[:, 0]) <= NEAR * max(float(other.std()), 1e-6)
        return same
