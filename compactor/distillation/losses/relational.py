"""Relational distillation: how far texts are from each other, and the angles they form, follow the teacher's.

What: `distance` compares the distances of all pairs of a batch, in units of their mean; `angle` the cosines at the middle one of all
    triples; both by the smooth L1 distance, mean over pairs or triples of different rows. What is compared is one vector a text: its first
    piece's state in the last layer, the mean over its pieces, or its logits, of any width on either side.
Source: Park et al. 2019 (arXiv:1904.05068), equations 5 to 9; weights 1 and 2 as there.
Takes: last hidden states (rows, length, width) and mask, or logits (rows, labels), of both models. With `of: logits` kept answers suffice,
    otherwise it looks inside the teacher. Counts texts. Pairs are those inside a micro-batch, so more of them need a larger `batch_size`;
    memory grows with rows² times width and, for angles, rows³. One row teaches nothing, two no angle.
Neighbours: `contrastive` asks only that a text be nearest to itself. Used beside `hinton`.

Example:
    - relational: {distance: 1, angle: 2, of: mean, weight: 0.5}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from compactor.base.settings import setting
from compactor.distillation.losses._contract import Batch, Loss, Need, Outputs, Shape
from compactor.distillation.losses._layers import blind_first, pooled

if TYPE_CHECKING:
    from torch import Tensor

# Nearer than this, two vectors are one: the direction from one to the other is noise, and its gradient has no bound.
SAME = 1e-6


class Relational(Loss):
    """Smooth L1 distance between the distances, and between the angles, of the rows of a batch."""

    relates_rows: ClassVar[bool] = True

    distance: float = setting(1.0, "weight of the distances", ge=0)
    angle: float = setting(2.0, "weight of the angles", ge=0)
    of: Literal["first", "mean", "logits"] = setting(
        "first", "what stands for a text: its first piece's last state, the mean over its pieces, or its logits"
    )

    def wants(self) -> frozenset[Need]:
        """Return the hidden states, or the logits."""
        return frozenset({"logits"} if self.of == "logits" else {"hidden_states"})

    def teacher_states(self, student: Shape, teacher: Shape) -> list[int]:
        """Return the last one."""
        return [teacher.layers] if self.of != "logits" else []

    def unfit(self, student: Shape, teacher: Shape) -> Iterator[str]:
        """Yield which model gives no states."""
        for who, shape in (("student", student), ("teacher", teacher)):
            if self.of != "logits" and not shape.hidden:
                yield f"the {who} gives no hidden states; write of: logits"
        if self.of == "first":
            yield from blind_first(student, teacher)

    def count(self, labels: Tensor, mask: Tensor) -> int:
        """Return the number of rows that are related."""
        return len(labels) if self.of == "logits" else len(mask)

    def __call__(self, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Return (rows times the mean over pairs and triples, rows)."""
        assert batch.teacher is not None
        own, taught = _gaps(self._vectors(batch.student, batch)), _gaps(self._vectors(batch.teacher, batch))
        value = self.distance * _distance_error(own, taught) + self.angle * _angle_error(own, taught)
        return value * len(own), self.count(batch.labels, batch.mask)

    def _vectors(self, outputs: Outputs, batch: Batch) -> Tensor:
        if self.of == "logits":
            return outputs.logits
        assert outputs.hidden_states is not None
        return pooled(outputs.hidden_states[-1], batch.mask, self.of)


def _gaps(vectors: Tensor) -> Tensor:
    """Return the differences of all pairs, (rows, rows, width)."""
    return vectors.unsqueeze(1) - vectors.unsqueeze(0)


def _distance_error(own: Tensor, taught: Tensor) -> Tensor:
    import torch
    from torch.nn import functional as F

    pairs = len(own) * (len(own) - 1)
    if not pairs:
        return own.sum() * 0.0
    # A row's distance to itself is 0 on both sides and adds nothing. vector_norm has the gradient 0 at 0, a square root has none.
    lengths = (torch.linalg.vector_norm(gaps, dim=-1) for gaps in (own, taught))
    first, second = (length / (length.sum() / pairs).clamp_min(SAME) for length in lengths)
    return F.smooth_l1_loss(first, second, reduction="sum") / pairs


def _angle_error(own: Tensor, taught: Tensor) -> Tensor:
    import torch
    from torch.nn import functional as F

    rows = len(own)
    triples = rows * (rows - 1) * (rows - 2)
    if not triples:
        return own.sum() * 0.0
    # cosines[j, i, k]: at row j, between the directions to i and to k. They are 0 where i or k is j; where i is k they are put to 0.
    same = torch.eye(rows, dtype=torch.bool, device=own.device)
    cosines = (directions @ directions.transpose(-1, -2) for directions in (_directions(own), _directions(taught)))
    first, second = (values.masked_fill(same, 0.0) for values in cosines)
    return F.smooth_l1_loss(first, second, reduction="sum") / triples


def _directions(gaps: Tensor) -> Tensor:
    """Return the gaps as vectors of length 1; between equal rows 0, without gradient."""
    import torch

    lengths = torch.linalg.vector_norm(gaps, dim=-1, keepdim=True)
    apart = lengths > SAME
    return torch.where(apart, gaps / torch.where(apart, lengths, 1.0), 0.0)
