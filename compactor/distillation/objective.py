"""The weighted sum of the losses, for one batch: runs the student, fetches the teacher's answers, adds the terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from compactor.base.errors import StageError
from compactor.distillation.losses import Batch, LossTerm, Outputs, Shape, label_terms, needs
from compactor.distillation.recording import Recorder, shape_of
from compactor.distillation.schedules import value_at


@dataclass(frozen=True)
class TeacherSignal:
    """Where the teacher's answers come from.

    Attributes:
        logits: (rows of the split, labels) float32, looked up by the row's number in that split; None without.
        model: run along for losses that look inside the teacher; None when none does.
    """

    logits: np.ndarray | None = None
    model: Any = None


class Objective(nn.Module):
    """What training makes small. A module, so that matrices trained along with the student are seen by the optimizer.

    Args:
        losses: the weighted terms.
        teacher: None when only the labels teach.
        student: the model to be trained; asked for its shape.

    Raises:
        StageError: L140 a term cannot apply to these models.
    """

    def __init__(
        self, losses: tuple[LossTerm, ...] | list[LossTerm], teacher: TeacherSignal | None, student: nn.Module
    ) -> None:
        super().__init__()
        self.terms: dict[str, LossTerm] = label_terms(tuple(losses))
        self.wanted = needs(tuple(losses))
        self.logits = teacher.logits if teacher else None
        # Kept out of the module tree: it is not trained, saved or put into training mode.
        self._teacher = [teacher.model.eval().requires_grad_(False)] if teacher and teacher.model is not None else []
        self._check(teacher, student)
        self._matrices = self._make_matrices(student)

    def _check(self, teacher: TeacherSignal | None, student: nn.Module) -> None:
        inside = {"hidden_states", "relations"} & self.wanted
        if "logits" in self.wanted and self.logits is None:
            raise StageError("L140", "a loss needs the teacher's answers, and there is no teacher", "use cross_entropy alone")
        if inside and not self._teacher:
            raise StageError(
                "L140", f"a loss needs the teacher's {' and '.join(sorted(inside))}, and no teacher runs along", ""
            )
        if inside:
            shapes = shape_of(student), shape_of(self._teacher[0])
            for name, term in self.terms.items():
                for sentence in term.loss.unfit(*shapes):
                    raise StageError("L140", f"{name} cannot apply: {sentence}", "change its options, or leave it out")

    def _make_matrices(self, student: nn.Module) -> nn.ParameterDict:
        """Make the matrices that losses train along: normal, with the spread that keeps the size of what they map."""
        matrices = nn.ParameterDict()
        if not self._teacher:
            return matrices
        shapes: tuple[Shape, Shape] = (shape_of(student), shape_of(self._teacher[0]))
        generator = torch.Generator().manual_seed(0)
        for label, term in self.terms.items():
            for name, (outputs, inputs) in term.loss.parameters(*shapes).items():
                matrices[f"{label}/{name}"] = nn.Parameter(torch.randn(outputs, inputs, generator=generator) * inputs**-0.5)
        return matrices

    def begin(self, student: nn.Module) -> None:
        """Training begins, before a checkpoint is read: the moment to take the shapes of the student's weights."""

    def after_step(self, student: nn.Module) -> None:
        """The optimizer has made a step."""

    @contextmanager
    def kept(self, student: nn.Module) -> Iterator[None]:
        """Show, while the block runs, the weights that would be kept if training ended now; here they are the student's own."""
        yield

    def finish(self, student: nn.Module) -> None:
        """Training has ended: leave the student with the weights to be kept."""

    def counts(self, labels: Tensor, mask: Tensor, rows: np.ndarray) -> Tensor:
        """Return what each term will count in a batch, float64 (terms,), before any model runs.

        Args:
            labels: as in `forward`.
            mask: attention mask (rows, length).
            rows: as in `forward`; these losses do not look at it.
        """
        del rows
        counted = [float(term.loss.count(labels, mask)) for term in self.terms.values()]
        return torch.tensor(counted, dtype=torch.float64)

    def forward(
        self,
        student: nn.Module,
        inputs: Mapping[str, Tensor],
        labels: Tensor,
        rows: np.ndarray,
        progress: float,
        counts: Sequence[float] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return (total, parts): the weighted sum, and each term's mean before its weight, detached, in the order of the terms.

        Args:
            student: the model to be trained.
            inputs: what it is called with, `attention_mask` among it.
            labels: (rows,) int64.
            rows: numbers of these rows in the split, by which the teacher's answers are looked up.
            progress: 0 to 1.
            counts: what each term counts in the whole step that this batch is a part of. Its sums are divided by these, so that the
                results of all parts add up to those of the whole. By default the batch is the whole.
        """
        with Recorder(student, self._layers(0)) as recorder:
            outputs = student(**inputs, output_hidden_states="hidden_states" in self.wanted)
            own = Outputs(outputs.logits.float(), outputs.get("hidden_states"), recorder.relations())
        taught = self._taught(inputs, rows, own.logits)
        total, parts = own.logits.new_zeros(()), list[Tensor]()
        for number, (label, term) in enumerate(self.terms.items()):
            prefix = f"{label}/"
            matrices = {name[len(prefix) :]: value for name, value in self._matrices.items() if name.startswith(prefix)}
            summed, count = term.loss(Batch(own, taught, labels, inputs["attention_mask"], progress, matrices))
            mean = summed / (count if counts is None else max(counts[number], 1.0))
            total = total + value_at(term.weight, progress) * mean
            parts.append(mean.detach())
        return total, torch.stack(parts)

    def _layers(self, which: int) -> tuple[int, ...]:
        pairs = [term.loss.relation_layers for term in self.terms.values()]
        return tuple(pair[which] for pair in pairs if pair is not None)

    def _taught(self, inputs: Mapping[str, Tensor], rows: np.ndarray, like: Tensor) -> Outputs | None:
        """Return the teacher's answers for these rows: looked up, or run along when a loss looks inside the teacher."""
        if self._teacher:
            model = self._teacher[0]
            with torch.no_grad(), Recorder(model, self._layers(1)) as recorder:
                outputs = model(**inputs, output_hidden_states="hidden_states" in self.wanted)
                logits = outputs.logits.float() if self.logits is None else self._looked_up(rows, like)
                return Outputs(logits, outputs.get("hidden_states"), recorder.relations())
        return None if self.logits is None else Outputs(self._looked_up(rows, like))

    def _looked_up(self, rows: np.ndarray, like: Tensor) -> Tensor:
        assert self.logits is not None
        return torch.from_numpy(np.array(self.logits[rows], dtype=np.float32)).to(like.device)
