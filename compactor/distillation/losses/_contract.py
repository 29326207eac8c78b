"""What a loss is, and what it is handed. Light: torch is named in annotations only."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from compactor.base.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

Need = Literal["logits", "teacher_labels", "labels", "hidden_states", "relations"]


@dataclass(frozen=True)
class Shape:
    """What a loss may ask about a model before training.

    Attributes:
        layers: encoder layers; 0 for a model that has none, such as a bag of embeddings.
        hidden: width of its hidden states; 0 for a model that gives none.
        inner: heads * head size of each layer.
        heads: attention heads of each layer.
        labels: numbers in its answer; 0 when not known.
        causal: a piece sees only those before it, so that the first piece of a text knows nothing of it.
    """

    layers: int
    hidden: int
    inner: tuple[int, ...] = ()
    heads: tuple[int, ...] = ()
    labels: int = 0
    causal: bool = False

    @classmethod
    def of_depth(cls, layers: int, width: int = 1) -> Shape:
        """Return a stand-in for a model that is not there yet, of which no more than its depth is known."""
        return cls(layers, width, (width,) * layers, (1,) * layers)


@dataclass(frozen=True)
class TopLogits:
    """A teacher's k highest logits of each row, and what all the others add up to at one temperature.

    With the rest as one more event the divergence of k + 1 events is a lower bound of that of all classes, and points the gradient
    nearly the same way; renormalising the k kept ones, or giving the others nothing, does not once the temperature is above 1.

    Attributes:
        values: (rows, k) float32, the logits themselves, not divided by a temperature.
        indices: (rows, k) int64, their classes.
        log_rest: (rows,) float32, logsumexp of logit / temperature over the classes that were not kept. The row's log-normaliser is
            logaddexp(logsumexp(values / temperature), log_rest); kept in this form, nothing cancels when the rest is tiny.
        temperature: what `log_rest` was computed for.
    """

    values: Tensor
    indices: Tensor
    log_rest: Tensor
    temperature: float


@dataclass(frozen=True)
class Outputs:
    """What a model gave for one batch; what no loss asked for is None.

    Attributes:
        logits: (rows, labels) float32; of a teacher whose highest logits alone were kept, (rows, 0).
        hidden_states: layers + 1 tensors (rows, length, hidden), the embeddings' first; of a teacher maybe only those that losses name.
        relations: query, key and value by layer, numbered from 0, each (rows, length, heads * head size).
        shape: of the model that gave them.
        top: a teacher's highest logits, in place of `logits`.
    """

    logits: Tensor
    hidden_states: Sequence[Tensor] | None = None
    relations: Mapping[int, tuple[Tensor, Tensor, Tensor]] = field(default_factory=dict)
    shape: Shape = Shape(0, 0)
    top: TopLogits | None = None


@dataclass(frozen=True)
class Batch:
    """One batch as a loss sees it. In a task with one answer for each word, a row of logits and labels is a word, not a text.

    Attributes:
        student: gradient flows through these.
        teacher: computed without gradient; None when no teacher is there.
        labels: (rows,) int64, a negative one is a row without a label; or, where a label is numbers, (rows, labels) float32 with NaN
            where one is not known.
        mask: (texts, length) int64, 1 where a piece is and 0 where padding is.
        progress: 0 at the first step, 1 at the last.
        parameters: the loss's own trained matrices, see `Loss.parameters`.
    """

    student: Outputs
    teacher: Outputs | None
    labels: Tensor
    mask: Tensor
    progress: float
    parameters: Mapping[str, Tensor] = field(default_factory=dict)


class Loss(Settings):
    """One term of the objective: its options, and the sum over what it counts.

    The weight is not the loss's business: it stands beside the options in a profile and belongs to the list.

    Class attributes:
        needs: what must be there: `logits` and `hidden_states` and `relations` of the teacher, `labels` of the data; `teacher_labels` is
            the class of the teacher's highest logit, which a teacher gives who says no more.
        label_kinds: kinds of label (`compactor.tasks`) that it makes sense for; None for any.
        reaches_zero: it is zero, with no gradient, where student and teacher agree.
        relates_rows: it compares the rows of a batch with each other, so that a batch in two parts is not the sum of its parts.
    """

    needs: ClassVar[frozenset[Need]] = frozenset()
    label_kinds: ClassVar[frozenset[str] | None] = None
    reaches_zero: ClassVar[bool] = True
    relates_rows: ClassVar[bool] = False

    def wants(self) -> frozenset[Need]:
        """Return what must be there with these options; by default `needs`."""
        return self.needs

    def relation_layers(self, student: Shape, teacher: Shape) -> list[tuple[int, int]]:
        """Return layers (student's, teacher's), from 0, whose queries, keys and values are wanted."""
        return []

    def teacher_states(self, student: Shape, teacher: Shape) -> Iterable[int]:
        """Return which of the teacher's hidden states are read, counted from the embeddings' 0; all, unless a loss knows better."""
        return range(teacher.layers + 1) if "hidden_states" in self.wants() else ()

    def unfit(self, student: Shape, teacher: Shape) -> Iterator[str]:
        """Yield, as sentences, why this term cannot apply to these two models."""
        yield from ()

    def unfit_for_top(self, temperature: float) -> Iterator[str]:
        """Yield why a teacher's highest logits, with the rest at this temperature, do not suffice."""
        if "logits" in self.wants():
            yield "it needs every logit of the teacher, and only the highest were kept"

    def parameters(self, student: Shape, teacher: Shape) -> dict[str, tuple[int, int]]:
        """Return name and size (outputs, inputs) of matrices that are trained along and dropped at the end."""
        return {}

    def count(self, labels: Tensor, mask: Tensor) -> int | Tensor:
        """Return what `__call__` will count in a batch with these labels and this mask, known before any model runs.

        A step may be cut into micro-batches and shared among processes; each sum is then divided by the count of the whole step.
        """
        return len(labels)

    @abstractmethod
    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (sum, count): the objective divides one by the other. Rows for logits, pieces for states inside the model."""
