"""What a task is. A task file is light: numpy only, imported where figures are computed; model class and losses are names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np

# What the labels of a row are, and so what the model's answers mean.
LabelKind = Literal["class", "classes", "number", "tags", "vector"]
InputKind = Literal["text", "words", "image"]


# A difference of main figures, and its 95 % interval.
Difference = tuple[float, tuple[float, float]]


class Answered(NamedTuple):
    """A model's answers on the rows of a split.

    Attributes:
        logits: the answers; their form follows the task's `label_kind`, see `Task`.
        labels: of the split.
        names: of the labels in id order.
        teacher: the teacher's answers, or None.
    """

    logits: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...] = ()
    teacher: np.ndarray | None = None


class Score(NamedTuple):
    """A main figure, the rows it was computed on, its 95 % interval, and further figures by name; see `Quality`."""

    value: float
    n: int
    ci95: tuple[float, float]
    others: dict[str, float]


@dataclass(frozen=True)
class Quality:
    """How well answers match the labels of one split.

    Attributes:
        metric: name of the main figure (`accuracy`).
        value: the main figure; shares are 0 to 1, correlations -1 to 1.
        n: rows it was computed on.
        ci95: bootstrap interval of the main figure.
        others: further figures by name (`macro_f1`, `matthews`).
        agreement_with_teacher: share of answers that mean the same as the teacher's (`Task.same`), or None without a teacher.
        split: `validation` or `test`.
    """

    metric: str
    value: float
    n: int
    ci95: tuple[float, float]
    split: str
    others: dict[str, float] = field(default_factory=dict)
    agreement_with_teacher: float | None = None


class Task(ABC):
    """One task: what its rows and labels are, the model class for it, the graph's interface, and how answers are scored.

    Labels and answers, as every method here takes them. Answers are always float32 (answers, outputs):

    | label_kind | labels of a split | answers |
    |---|---|---|
    | class | int64 (n,) | one a row: a logit for each class |
    | classes | float32 (n, labels), 1 where the row has the label | one a row: a logit for each label |
    | number | float32 (n, 1) | one a row: the number |
    | tags | int64 (n, longest), -100 where there is no tag | one a tag, in the order of `labels[labels != -100]` |
    | vector | float32 (n, 1), the score of rows 2i and 2i + 1, NaN for none | one a text: its embedding |

    A word that was cut off by the longest length gives 0 for every tag.

    Class attributes:
        name: in profiles.
        model_class: transformers' class for it.
        pipeline_tag: what the hub, Optimum and transformers.js call the task.
        problem_type: what config.json says of the labels, where transformers asks for it.
        metric: name of the main figure.
        label_kind: see the table.
        input_kind: `text` (one, or a pair), `words` (a text cut into words beforehand) or `image`.
        label_loss: the loss that learns from the labels; None where there are none.
        teacher_loss: the loss that learns from the teacher's answers.
    """

    name: ClassVar[str]
    model_class: ClassVar[str]
    pipeline_tag: ClassVar[str]
    problem_type: ClassVar[str | None] = None
    metric: ClassVar[str]
    label_kind: ClassVar[LabelKind] = "class"
    input_kind: ClassVar[InputKind] = "text"
    label_loss: ClassVar[str | None]
    teacher_loss: ClassVar[str]

    def inputs(self, *, pair: bool) -> tuple[str, ...]:
        """Names of the graph's inputs, the fewest that the model needs: int64 (batch, sequence).

        Token types only for pairs, since a single text has one type.
        """
        return ("input_ids", "attention_mask", "token_type_ids") if pair else ("input_ids", "attention_mask")

    def outputs(self) -> dict[str, tuple[str, ...]]:
        """Names of the graph's outputs with their axes; the first one is the answer."""
        return {"logits": ("batch", "labels")}

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
        """Score answers.

        Args:
            logits: answers, see the table of the class.
            labels: of the split.
            split: `validation` or `test`.
            seed: of the bootstrap.
            teacher_logits: the teacher's answers on the same split.
            names: of the labels in id order; needed where a name tells how answers belong together, as `B-PER` and `I-PER` do.

        Raises:
            ValueError: the shapes do not fit, there are no rows, or an answer is not a number.
        """
        answered = Answered(logits, labels, names, teacher_logits)
        check_answers(logits, labels, answers=self.answers(labels))
        score = self.score(answered, seed=seed)
        agreement = None if teacher_logits is None else float(self.same(logits, teacher_logits).mean())
        return Quality(self.metric, score.value, score.n, score.ci95, split, score.others, agreement)

    def value(
        self,
        logits: np.ndarray,
        labels: np.ndarray,
        *,
        names: tuple[str, ...] = (),
        teacher_logits: np.ndarray | None = None,
    ) -> float:
        """Return the main figure alone, without interval: what training watches on the validation rows. Higher is better.

        The teacher's answers are needed only where rows may be without labels.
        """
        check_answers(logits, labels, answers=self.answers(labels))
        return self.figure(Answered(logits, labels, names, teacher_logits))

    def difference(
        self, one: np.ndarray, other: np.ndarray, labels: np.ndarray, *, seed: int, names: tuple[str, ...] = ()
    ) -> Difference | None:
        """Compare two models on the same rows: the difference of the main figure and its 95 % interval; None if it cannot be told.

        Row by row, which is far sharper than comparing two intervals.
        """
        return self.compare(Answered(one, labels, names), Answered(other, labels, names), seed=seed)

    def answers(self, labels: np.ndarray) -> int:
        """Return how many answers there must be."""
        return len(labels)

    @abstractmethod
    def same(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return which answers of two models mean the same, bool (answers,): the same label, set of labels, tag ..."""

    @abstractmethod
    def figure(self, answered: Answered) -> float:
        """Return the main figure."""

    @abstractmethod
    def score(self, answered: Answered, *, seed: int) -> Score:
        """Return the main figure with its interval, and what stands beside it."""

    @abstractmethod
    def compare(self, first: Answered, second: Answered, *, seed: int) -> Difference | None:
        """Return the difference of the main figure, the rows resampled for both together, and its interval; see `difference`."""


def check_answers(logits: np.ndarray, labels: np.ndarray, *, answers: int) -> None:
    """Refuse answers that cannot be scored.

    Args:
        logits: the answers.
        labels: of the split, for the message.
        answers: how many there must be.

    Raises:
        ValueError: the shapes do not fit, there are no rows, or an answer is not a number.
    """
    import numpy as np

    if logits.ndim != 2 or len(logits) != answers or not answers:
        raise ValueError(f"{labels.shape} labels for logits of shape {logits.shape}, which should be {answers} answers")
    if np.isnan(logits).any():
        raise ValueError(f"{int(np.isnan(logits).any(axis=1).sum())} of {len(logits)} rows have logits that are NaN")
