"""Losses on answers: one pair of log-probabilities, one value a row, and how much each row counts.

Every divergence of softened probabilities is one line on the pair that `log_pair` gives, whether the teacher's logits are all there or
only the highest, whose rest is then one more event.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, model_validator

from compactor.base.settings import setting
from compactor.distillation.losses._contract import Batch, Loss, Need, Shape
from compactor.distillation.schedules import Schedule, largest, smallest, value_at

if TYPE_CHECKING:
    from torch import Tensor

# The smallest loss of a sure teacher, so that a ratio to it stays a number.
SURE = 1e-6


def _positive(value: float | Schedule) -> float | Schedule:
    if smallest(value) <= 0:
        raise ValueError("the temperature must be more than 0")
    return value


def _a_share(value: float | Schedule) -> float | Schedule:
    if smallest(value) < 0 or largest(value) > 1:
        raise ValueError("a share is between 0 and 1")
    return value


Temperature = Annotated[float | Schedule, AfterValidator(_positive)]
Share = Annotated[float | Schedule, AfterValidator(_a_share)]


class AnswerLoss(Loss):
    """A loss with one value for each row of answers; some rows may count more than others.

    The weight of a row is 1 - share + share * c, with c between 0 and 1 from this row alone, and no gradient flows through it. Nothing
    is divided by the batch's mean of c, so that a batch in parts is still the sum of its parts.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"logits"})
    label_kinds: ClassVar[frozenset[str] | None] = frozenset({"class", "tags"})

    weight_by: Literal["teacher-confidence", "teacher-right", "student-difficulty"] | None = setting(
        None,
        "what makes a row count: the teacher's highest probability, its probability of the label, or how far the student is behind it",
    )
    weight_share: Share = setting(1.0, "how far `weight_by` decides, 0 (not at all) to 1; or {from, to}")

    @model_validator(mode="after")
    def _a_share_of_something(self) -> Self:
        if self.weight_by is None and "weight_share" in self.model_fields_set:
            raise ValueError("weight_share does nothing without weight_by")
        return self

    def unfit(self, student: Shape, teacher: Shape) -> Iterator[str]:
        """Yield that the answers cannot be compared one by one."""
        yield from unequal_answers(student, teacher)

    @abstractmethod
    def values(self, batch: Batch) -> Tensor:
        """Return the loss of each row before it is weighted, (rows,)."""

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum over rows, their number)."""
        values = self.values(batch)
        if self.weight_by is not None:
            share = value_at(self.weight_share, batch.progress)
            values = values * (1.0 - share + share * _importance(self.weight_by, batch))
        return values.sum(), len(values)


class Divergence(AnswerLoss):
    """A divergence of tempered probabilities.

    Class attributes:
        order: the power of the temperature that keeps the size of the gradient when the temperature changes: 2 where the divergence
            is a square of small differences, 1 where it is their absolute value.
    """

    order: ClassVar[int] = 2

    temperature: Temperature = setting(2.0, "how far the probabilities are evened out; 1 leaves them as they are")

    @abstractmethod
    def divergence(self, teacher: Tensor, student: Tensor) -> Tensor:
        """Return the divergence of each row, (rows,), from log-probabilities (rows, events)."""

    def values(self, batch: Batch) -> Tensor:
        """Return the divergence of each row times the temperature to the power `order`."""
        temperature = value_at(self.temperature, batch.progress)
        return self.divergence(*log_pair(batch, temperature)) * temperature**self.order

    def unfit_for_top(self, temperature: float) -> Iterator[str]:
        """Yield why kept highest logits do not suffice: the rest belongs to one temperature."""
        if self.weight_by is not None:
            yield "weight_by needs every logit of the teacher, and only the highest were kept"
        if isinstance(self.temperature, Schedule) or self.temperature != temperature:
            yield f"the teacher's highest logits were kept for temperature {temperature:g} and no other"


def unequal_answers(student: Shape, teacher: Shape) -> Iterator[str]:
    """Yield that student and teacher answer with unequal numbers of labels, where both are known."""
    if student.labels and teacher.labels and student.labels != teacher.labels:
        yield f"the student answers with {student.labels} numbers, the teacher with {teacher.labels}"


def log_pair(batch: Batch, temperature: float) -> tuple[Tensor, Tensor]:
    """Return the tempered log-probabilities (teacher's, student's), each (rows, events).

    Events are the classes; or, where the teacher's k highest logits alone were kept, those k classes and one that stands for all others.
    """
    import torch

    assert batch.teacher is not None
    student, top = batch.student.logits / temperature, batch.teacher.top
    if top is None:
        return (batch.teacher.logits / temperature).log_softmax(dim=-1), student.log_softmax(dim=-1)
    rest = student.scatter(-1, top.indices, float("-inf")).logsumexp(dim=-1, keepdim=True)
    taught = torch.cat([top.values / temperature, top.log_rest.unsqueeze(-1)], dim=-1)
    return taught.log_softmax(dim=-1), torch.cat([student.gather(-1, top.indices), rest], dim=-1).log_softmax(dim=-1)


def kl(first: Tensor, second: Tensor) -> Tensor:
    """Return KL(first || second) of each row, (rows,), from log-probabilities: summed over classes, not divided by their number."""
    from torch.nn import functional as F

    return F.kl_div(second, first, reduction="none", log_target=True).sum(dim=-1)


def own_or_best(labels: Tensor, logits: Tensor) -> Tensor:
    """Return the class of each row, int64 (rows,): its label, or where it has none the highest logit's class."""
    import torch

    return torch.where(labels >= 0, labels, logits.argmax(dim=-1))


def _importance(kind: str, batch: Batch) -> Tensor:
    """Return how much each row counts, between 0 and 1, (rows,), without gradient; probabilities are at temperature 1.

    `student-difficulty` is 1 - exp(-ratio) with the ratio of the student's cross-entropy to the teacher's: Zhou et al. 2021, Rethinking
    Soft Labels (arXiv:2102.00650). A row without a label takes the teacher's answer for one.
    """
    assert batch.teacher is not None
    taught, own = batch.teacher.logits.detach().log_softmax(dim=-1), batch.student.logits.detach().log_softmax(dim=-1)
    if kind == "teacher-confidence":
        return taught.amax(dim=-1).exp()
    classes = own_or_best(batch.labels, taught).unsqueeze(-1)
    taught, own = taught.gather(-1, classes).squeeze(-1), own.gather(-1, classes).squeeze(-1)
    if kind == "teacher-right":
        return taught.exp()
    return 1.0 - (own / taught.clamp_max(-SURE)).neg().exp()
