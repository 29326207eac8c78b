"""Sentence similarity: a vector for each text, near for texts that mean the same; taught by a teacher's vectors, without labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from compactor.tasks._contract import Answered, Difference, LabelKind, Score, Task

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

    def score(self, answered: Answered, *, seed: int) -> Score:
        """Return the rank correlation of the embeddings' cosines with the scores, or with the teacher's cosines.

        Beside it, where there is a teacher: the mean cosine with its vectors, and the share of its ten nearest texts that are found
        (recall@10). A teacher without scores to judge it by agrees with itself.
        """
        from compactor.tasks.metrics.neighbours import recall_of_neighbours
        from compactor.tasks.metrics.ranks import pearson, spearman, spearman_interval

        found, wanted = _compared(answered)
        others = {"pearson": pearson(found, wanted)}
        if answered.teacher is not None:
            others["teacher_cosine"] = float(_cosines(answered.logits, answered.teacher).mean())
            others["recall_at_10"] = recall_of_neighbours(answered.logits, answered.teacher)
        return Score(spearman(found, wanted), len(found), spearman_interval(found, wanted, seed=seed), others)

    def figure(self, answered: Answered) -> float:
        """Return the rank correlation."""
        from compactor.tasks.metrics.ranks import spearman

        return spearman(*_compared(answered))

    def compare(self, first: Answered, second: Answered, *, seed: int) -> Difference | None:
        """Compare the correlations with the scores, pair by pair; None without scores."""
        from compactor.tasks.metrics.ranks import spearman_draws
        from compactor.tasks.metrics.resampling import interval

        if not _scored(first.labels).any():
            return None
        draws = spearman_draws([_compared(each) for each in (first, second)], seed=seed)
        return self.figure(first) - self.figure(second), interval(draws[0] - draws[1])

    def same(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return where the vectors have a cosine of at least 0.95."""
        same: np.ndarray = _cosines(one, other) >= NEAR
        return same


def _compared(answered: Answered) -> tuple[np.ndarray, np.ndarray]:
    """Return the cosines of pairs of texts and what they should be, both float64 (pairs,)."""
    import numpy as np

    embeddings, labels, teacher = answered.logits, answered.labels, answered.teacher
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
