"""Sentence similarity: a vector for each text, near for texts that mean the same; taught by a teacher's vectors, without labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from compactor.tasks._contract import LabelKind, Quality, Task, check_answers

if TYPE_CHECKING:
    import numpy as np

NEAR = 0.95  # cosine from which two models' vectors of a text are called the same


class SentenceSimilarity(Task):
    """Embeddings of length 1 in the teacher's space; pairs of texts with a score judge them, else the teacher's own similarities.

    Rows come one text each: of a pair, the second text follows the first, and both carry its score. Where there are no scores, each
    text is compared with the one half the split away, and the teacher's similarity is the score.
    """

    name: ClassVar[str] = "sentence-similarity"
    model_class: ClassVar[str] = "AutoModel"
    pipeline_tag: ClassVar[str] = "sentence-similarity"
    metric: ClassVar[str] = "spearman"
    label_kind: ClassVar[LabelKind] = "vector"
    label_loss: ClassVar[str | None] = None
    teacher_loss: ClassVar[str] = "cosine"

    def outputs(self) -> dict[str, tuple[str, ...]]:
        """One vector a text."""
        return {"embedding": ("batch", "dimension")}

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
        """Score embeddings by the rank correlation of their cosines with the scores, or with the teacher's cosines.

        See `Task.quality`. Beside it, where there is a teacher: the mean cosine with its vectors, and the share of its ten nearest
        texts that are found (recall@10). A teacher without scores to judge it by agrees with itself.
        """
        from compactor.tasks.metrics.neighbours import recall_of_neighbours
        from compactor.tasks.metrics.ranks import pearson, spearman, spearman_interval

        check_answers(logits, labels, answers=len(labels))
        found, wanted = _compared(logits, labels, teacher_logits)
        others = {"pearson": pearson(found, wanted)}
        if teacher_logits is not None:
            others["teacher_cosine"] = float(_cosines(logits, teacher_logits).mean())
            others["recall_at_10"] = recall_of_neighbours(logits, teacher_logits)
        return Quality(
            metric=self.metric,
            value=spearman(found, wanted),
            n=len(found),
            ci95=spearman_interval(found, wanted, seed=seed),
            split=split,
            others=others,
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

        return spearman(*_compared(logits, labels, teacher_logits))

    def same(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return where the vectors have a cosine of at least 0.95."""
        same: np.ndarray = _cosines(one, other) >= NEAR
        return same

    def difference(
        self, one: np.ndarray, other: np.ndarray, labels: np.ndarray, *, seed: int, names: tuple[str, ...] = ()
    ) -> tuple[float, tuple[float, float]] | None:
        """Compare the correlations with the scores, the pairs resampled for both together; None without scores."""
        from compactor.tasks.metrics.ranks import spearman_draws
        from compactor.tasks.metrics.resampling import interval

        if not _scored(labels).any():
            return None
        pairs = [_compared(each, labels, None) for each in (one, other)]
        draws = spearman_draws(pairs, seed=seed)
        return self.value(one, labels) - self.value(other, labels), interval(draws[0] - draws[1])


def _compared(embeddings: np.ndarray, labels: np.ndarray, teacher: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the cosines of pairs of texts and what they should be, both float64 (pairs,)."""
    import numpy as np

    scored = _scored(labels)
    if scored.any():
        return _cosines(embeddings[0::2], embeddings[1::2])[scored], labels[0::2, 0][scored].astype(np.float64)
    reference, away = embeddings if teacher is None else teacher, max(1, len(embeddings) // 2)
    return _cosines(embeddings, np.roll(embeddings, away, axis=0)), _cosines(reference, np.roll(reference, away, axis=0))


def _scored(labels: np.ndarray) -> np.ndarray:
    """Return which pairs of neighbouring rows have a score, bool (pairs,); none where rows are no pairs."""
    import numpy as np

    scored: np.ndarray = np.isfinite(labels[0::2, 0])
    return np.zeros(0, dtype=bool) if len(labels) % 2 else scored


def _cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the cosine of each row with the other's, float64 (rows,)."""
    import numpy as np

    first, second = one.astype(np.float64), other.astype(np.float64)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.asarray((first * second).sum(axis=1) / np.where(lengths > 0, lengths, 1.0))
