"""What a loss is, and what it is handed. Light: torch is named in annotations only."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from compactor.base.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

Need = Literal["logits", "labels", "hidden_states", "relations"]


@dataclass(frozen=True)
class Shape:
    """What a loss may ask about a model before training: layers, width of the residual stream, heads * head size of each layer."""

    layers: int
    hidden: int
    inner: tuple[int, ...]


@dataclass(frozen=True)
class Outputs:
    """What a model gave for one batch; what no loss asked for is None.

    Attributes:
        logits: (rows, labels) float32.
        hidden_states: layers + 1 tensors (rows, length, hidden), the embeddings' first.
        relations: query, key and value by layer, numbered as asked for, each (rows, length, heads * head size).
    """

    logits: Tensor
    hidden_states: tuple[Tensor, ...] | None = None
    relations: Mapping[int, tuple[Tensor, Tensor, Tensor]] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """One batch as a loss sees it.

    Attributes:
        student: gradient flows through these.
        teacher: computed without gradient; None when no teacher is there.
        labels: (rows,) int64; a negative one is a row without a label.
        mask: (rows, length) int64, 1 where a piece is and 0 where padding is.
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
        needs: what must be there: `logits` and `hidden_states` and `relations` of the teacher, `labels` of the data.
    """

    needs: ClassVar[frozenset[Need]] = frozenset()

    @property
    def relation_layers(self) -> tuple[int, int] | None:
        """Layers (student's, teacher's) whose queries, keys and values are wanted; negative numbers count from the end."""
        return None

    def unfit(self, student: Shape, teacher: Shape) -> Iterator[str]:
        """Yield, as sentences, why this term cannot apply to these two models."""
        yield from ()

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
