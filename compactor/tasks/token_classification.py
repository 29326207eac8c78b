"""Token classification: a tag for each word of a text cut into words; names and other spans, or parts of speech."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from compactor.tasks._contract import Answered, Difference, InputKind, LabelKind, Score, Task

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

    def answers(self, labels: np.ndarray) -> int:
        """Return the number of tags."""
        return int((labels >= 0).sum())

    def score(self, answered: Answered, *, seed: int) -> Score:
        """Return F1 of spans (seqeval, conlleval); the share of right words stands beside it.

        Words that were cut off count as answered with O, so that a span among them is missed.
        """
        import numpy as np

        from compactor.tasks.metrics.resampling import sums_interval
        from compactor.tasks.metrics.sets import f1

        labels, counts = answered.labels, _counts(answered)
        right = np.asarray(_chosen(answered.logits, answered.names) == labels[labels >= 0])
        interval = sums_interval(f1, counts, seed=seed)
        return Score(float(f1(counts.sum(axis=0))), len(labels), interval, {"word_accuracy": float(right.mean())})

    def figure(self, answered: Answered) -> float:
        """Return F1 of spans."""
        from compactor.tasks.metrics.sets import f1

        return float(f1(_counts(answered).sum(axis=0)))

    def compare(self, first: Answered, second: Answered, *, seed: int) -> Difference:
        """Compare F1 of spans, sentence by sentence."""
        from compactor.tasks.metrics.resampling import sums_difference
        from compactor.tasks.metrics.sets import f1

        return sums_difference(f1, _counts(first), _counts(second), seed=seed)

    def same(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return where both give a word the same tag."""
        same: np.ndarray = one.argmax(axis=1) == other.argmax(axis=1)
        return same


def _counts(answered: Answered) -> np.ndarray:
    """Return what `span_counts` tells of each sentence."""
    from compactor.tasks.metrics.spans import span_counts

    logits, names = answered.logits, answered.names
    if len(names) != logits.shape[1]:
        raise ValueError(f"{len(names)} names of tags for logits of shape {logits.shape}")
    return span_counts(_chosen(logits, names), answered.labels, names)


def _chosen(logits: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Return the tag of each word, int64 (words,); O where a word was cut off and all its logits are 0."""
    import numpy as np

    tags = logits.argmax(axis=1)
    return np.where(logits.any(axis=1), tags, names.index("O") if "O" in names else -1)
