"""The weighted sum of the losses, for one batch: runs the student, fetches the teacher's answers, adds the terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from compactor.base.errors import StageError
from compactor.distillation.hooks import Hooks
from compactor.distillation.inside import TeacherInside
from compactor.distillation.losses import Batch, LossTerm, Outputs, Shape, TopLogits, label_terms, needs
from compactor.distillation.recording import Recorder, shape_of
from compactor.distillation.schedules import value_at
from compactor.distillation.unanswered import filled, filled_top
from compactor.models.decoders import NO_ATTENTION
from compactor.models.feeding import fitting


class TopAnswers(Protocol):
    """A teacher's kept answers of which only the highest logits of each row are there, with their rest at one temperature."""

    @property
    def temperature(self) -> float:
        """What the rest was summed up for."""
        ...

    @property
    def labels(self) -> int:
        """How many classes there are."""
        ...

    def batch(self, rows: np.ndarray, device: torch.device) -> TopLogits:
        """Return those of some rows."""
        ...


@dataclass(frozen=True)
class TeacherSignal:
    """Where the teacher's answers come from.

    Attributes:
        logits: (rows of the split, labels) float32, looked up by the row's number in that split, or the highest of each row; None without.
        model: the teacher itself, for losses that look inside it; None when none does.
        inside: what they read there, kept for each row; without it the model is run at every step.
    """

    logits: np.ndarray | TopAnswers | None = None
    model: Any = None
    inside: TeacherInside | None = None


class Objective(Hooks):
    """What training makes small. A module, so that matrices trained along with the student are seen by the optimizer.

    Args:
        losses: the weighted terms.
        teacher: None when only the labels teach.
        student: the model to be trained; asked for its shape.

    Raises:
        StageError: L140, L240 a term cannot apply to these models; L142 a term needs more than the teacher's highest logits.
    """

    def __init__(
        self, losses: tuple[LossTerm, ...] | list[LossTerm], teacher: TeacherSignal | None, student: nn.Module
    ) -> None:
        super().__init__()
        self.terms: dict[str, LossTerm] = label_terms(tuple(losses))
        self.wanted = needs(tuple(losses))
        self.logits = teacher.logits if teacher else None
        model = teacher.model if teacher else None
        self._inside = teacher.inside if teacher else None
        self._shapes = shape_of(student), self._teacher_shape(model)
        # Kept out of the module tree: it is not trained, saved or put into training mode.
        self._teacher = [] if model is None or self._inside else [model.eval().requires_grad_(False)]
        self._check()
        pairs = [pair for term in self.terms.values() for pair in term.loss.relation_layers(*self._shapes)]
        self._recorded = [own for own, _ in pairs], [taught for _, taught in pairs]
        self._matrices = self._make_matrices()

    def _teacher_shape(self, model: Any) -> Shape:
        if model is not None:
            return shape_of(model)
        if self.logits is None:
            return Shape(0, 0)
        return Shape(0, 0, labels=self.logits.shape[1] if isinstance(self.logits, np.ndarray) else self.logits.labels)

    def _check(self) -> None:
        inside = {"hidden_states", "relations"} & self.wanted
        if {"logits", "teacher_labels"} & self.wanted and self.logits is None:
            raise StageError("L140", "a loss needs the teacher's answers, and there is no teacher", "use cross_entropy alone")
        if inside and not self._teacher and self._inside is None:
            raise StageError("L140", f"a loss needs the teacher's {' and '.join(sorted(inside))}, and no teacher is there", "")
        if "relations" in self.wanted and any(shape.layers and not shape.heads for shape in self._shapes):
            raise StageError("L240", "a loss compares attention, which is not recorded of decoders", NO_ATTENTION)
        for name, term in self.terms.items():
            for sentence in term.loss.unfit(*self._shapes):
                raise StageError("L140", f"{name} cannot apply: {sentence}", "change its options, or leave it out")
            if self.logits is not None and not isinstance(self.logits, np.ndarray):
                for sentence in term.loss.unfit_for_top(self.logits.temperature):
                    raise StageError("L142", f"{name} cannot apply: {sentence}", "keep all logits, or change its options")

    def _make_matrices(self) -> nn.ParameterDict:
        """Make the matrices that losses train along: normal, with the spread that keeps the size of what they map."""
        matrices = nn.ParameterDict()
        generator = torch.Generator().manual_seed(0)
        for label, term in self.terms.items():
            for name, (outputs, inputs) in term.loss.parameters(*self._shapes).items():
                matrices[f"{label}/{name}"] = nn.Parameter(torch.randn(outputs, inputs, generator=generator) * inputs**-0.5)
        return matrices

    def counts(self, labels: Tensor, mask: Tensor, rows: np.ndarray) -> Tensor:
        """Return what each term will count in a batch, float64 (terms,), before any model runs.

        Args:
            labels: as in `forward`.
            mask: attention mask (rows, length); images, which have none, give one place each.
            rows: as in `forward`; these losses do not look at it.
        """
        del rows
        labels = labels[_answered(labels)]
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
            inputs: what the batch gives; the student and a teacher that runs along are each called with what they know of it.
            labels: (rows,) int64; (rows, labels) float32; or (rows, length) int64, one for each piece that has an answer and negative
                elsewhere: each such piece is then a row of answers.
            rows: numbers of these rows of answers in the split, by which the teacher's are looked up.
            progress: 0 to 1.
            counts: what each term counts in the whole step that this batch is a part of. Its sums are divided by these, so that the
                results of all parts add up to those of the whole. By default the batch is the whole.
        """
        answered, mask = _answered(labels), inputs.get("attention_mask")
        own = self._run(student, inputs, 0, answered)
        taught = self._taught(inputs, rows, own.logits, answered)
        if mask is None:  # an image has no padding
            mask = labels.new_ones((len(labels), _places(own)), dtype=torch.int64)
        total, parts = own.logits.new_zeros(()), list[Tensor]()
        for number, (label, term) in enumerate(self.terms.items()):
            prefix = f"{label}/"
            matrices = {name[len(prefix) :]: value for name, value in self._matrices.items() if name.startswith(prefix)}
            summed, count = term.loss(Batch(own, taught, labels[answered], mask, progress, matrices))
            if counts is not None:
                # Counted beforehand with one place an image, see `counts`; each image has as many.
                places = 1 if "attention_mask" in inputs else count / term.loss.count(labels[answered], mask[:, :1])
                count = torch.as_tensor(counts[number] * places, device=summed.device)
            mean = summed / (count.clamp(min=1) if isinstance(count, Tensor) else max(count, 1))
            total = total + value_at(term.weight, progress) * mean
            parts.append(mean.detach())
        return total, torch.stack(parts)

    def _run(self, model: nn.Module, inputs: Mapping[str, Tensor], which: int, answered: Any) -> Outputs:
        """Return what a model gives: 0 the student, 1 the teacher."""
        more = {"output_hidden_states": True} if "hidden_states" in self.wanted else {}
        with Recorder(model, self._recorded[which]) as recorder:
            outputs = model(**fitting(model, inputs), **more)
        states = tuple(state.float() for state in outputs.hidden_states) if more else None
        return Outputs(outputs.logits.float()[answered], states, recorder.relations(), self._shapes[which])

    def _taught(self, inputs: Mapping[str, Tensor], rows: np.ndarray, like: Tensor, answered: Any) -> Outputs | None:
        """Return the teacher's answers for these rows: looked up, or computed now where its inside is wanted and not kept."""
        if self._teacher:
            with torch.no_grad():
                outputs = self._run(self._teacher[0].to(like.device), inputs, 1, answered)
        elif self.logits is None and self._inside is None:
            return None
        else:
            outputs = Outputs(like.new_empty(len(rows), 0), shape=self._shapes[1])
        if self._inside is not None:
            states, relations = self._inside.batch(rows, inputs["attention_mask"])
            outputs = replace(outputs, hidden_states=states, relations=relations)
        if self.logits is None:
            return outputs
        kept = self._looked_up(rows, like)
        return replace(outputs, logits=kept.logits, top=kept.top)

    def _looked_up(self, rows: np.ndarray, like: Tensor) -> Outputs:
        if isinstance(self.logits, np.ndarray):
            logits = torch.from_numpy(np.array(self.logits[rows], dtype=np.float32)).to(like.device)
            return Outputs(filled(logits, like), shape=self._shapes[1])
        assert self.logits is not None
        top = filled_top(self.logits.batch(rows, like.device), like)
        return Outputs(like.new_empty(len(rows), 0), shape=self._shapes[1], top=top)


def _places(outputs: Outputs) -> int:
    """Return how many places of each row are compared: an image's patches where a loss looks inside, else one."""
    if outputs.hidden_states:
        return outputs.hidden_states[0].shape[1]
    return next((query.shape[1] for query, _, _ in outputs.relations.values()), 1)


def _answered(labels: Tensor) -> Any:
    """Return what picks the rows of answers: all, or the pieces with a label where each piece may have one."""
    return labels >= 0 if labels.ndim == 2 and not labels.is_floating_point() else slice(None)
