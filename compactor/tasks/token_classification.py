"""Token classification: a tag for each word of a text cut into words; names and other spans, or parts of speech."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from compactor.tasks._contract import InputKind, LabelKind, Quality, Task, check_answers

if TYPE_CHECKING:
    import numpy as np


class TokenClassification(Task):
    """Logits over tags for each token; a word has the tag of its first token, and spans are what its tags mark."""

    name: ClassVar[str] = "token-classification"
    model_class: ClassVar[str] = "AutoModelForTokenClassification"
    pipeline_tag: ClassVar[str] = "token-classification"
    metric: ClassVar[str] = "span_f1"
    label_kind: ClassVar[LabelKind] = "tags"
    input_kind: ClassVar[InputKind] = "words"
    label_loss: ClassVar[str | None] = "cross_entropy"
    teacher_loss: ClassVar[str] = "hinton"

    def outputs(self) -> dict[str, tuple[str, ...]]:
        """One row of logits a token."""
        return {"logits": ("batch", "sequence", "labels")}

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
        """Score answers by F1 of spans (seqeval, conlleval); the share of right words stands beside it. See `Task.quality`.

        Words that were cut off count as answered with O, so that a span among them is missed.
        """
        import numpy as np

        from compactor.tasks.metrics.resampling import sums_interval
        from compactor.tasks.metrics.sets import f1

        counts, wanted = self._counts(logits, labels, names), labels[labels >= 0]
        value = float(f1(counts.sum(axis=0)))
        right = np.asarray(_chosen(logits, names) == wanted)
        return Quality(
            metric=self.metric,
            value=value,
            n=len(labels),
            ci95=sums_interval(f1, counts, seed=seed),
            split=split,
            others={"word_accuracy": float(right.mean())},
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
        """Return F1 of spans."""
        from compactor.tasks.metrics.sets import f1

        return float(f1(self._counts(logits, labels, names).sum(axis=0)))

    def same(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return where both give a word the same tag."""
        same: np.ndarray = one.argmax(axis=1) == other.argmax(axis=1)
        return same

    def difference(
        self, one: np.ndarray, other: np.ndarray, labels: np.ndarray, *, seed: int, names: tuple[str, ...] = ()
    ) -> tuple[float, tuple[float, float]] | None:
        """Compare F1 of spans, the sentences resampled for both together."""
        from compactor.tasks.metrics.resampling import sums_difference
        from compactor.tasks.metrics.sets import f1

        return sums_difference(f1, self._counts(one, labels, names), self._counts(other, labels, names), seed=seed)

    def _counts(self, logits: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
        from compactor.tasks.metrics.spans import span_counts

        check_answers(logits, labels, answers=int((labels >= 0).sum()))
        if len(names) != logits.shape[1]:
            raise ValueError(f"{len(names)} names of tags for logits of shape {logits.shape}")
        return span_counts(_chosen(logits, names), labels, names)


def _chosen(logits: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Return the tag of each word, int64 (words,); O where a word was cut off and all its logits are 0."""
    import numpy as np

    tags = logits.argmax(axis=1)
    return np.where(logits.any(axis=1), tags, names.index("O") if "O" in names else -1)
