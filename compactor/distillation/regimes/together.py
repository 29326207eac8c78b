"""The student's objective with companions beside it: what mutual learning, an averaged teacher and early exits have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from compactor.distillation.hooks import Hooks
from compactor.distillation.losses import Batch, Loss, Outputs
from compactor.distillation.objective import Objective, _answered


@dataclass(frozen=True)
class Seen:
    """One batch, and what the student answered to it.

    Attributes:
        student: the model in training.
        inputs: what the batch gave, see `Objective.forward`.
        given_labels: as the data gives them, see `Objective.forward`.
        rows: numbers of the rows in the split.
        progress: 0 at the first step, 1 at the last.
        logits: the student's answers (rows, labels), float32; gradient flows through them.
    """

    student: nn.Module
    inputs: Mapping[str, Tensor]
    given_labels: Tensor
    rows: np.ndarray
    progress: float
    logits: Tensor

    @property
    def labels(self) -> Tensor:
        """One label for each answer."""
        return self.given_labels[_answered(self.given_labels)]

    def answers(self, logits: Tensor) -> Tensor:
        """Return the rows of a model's output that are answers: all, or those of the pieces with a label."""
        return logits[_answered(self.given_labels)]

    @property
    def mask(self) -> Tensor:
        """The attention mask (rows, length); ones where the inputs have none."""
        given = self.inputs.get("attention_mask")
        return torch.ones(len(self.given_labels), 1, dtype=torch.int64, device=self.logits.device) if given is None else given

    def compared(self, loss: Loss, own: Tensor, other: Tensor) -> tuple[Tensor, int | Tensor]:
        """Return (sum, count) of a teacher's loss between two answers; no gradient flows through the other."""
        return loss(Batch(Outputs(own), Outputs(other.detach()), self.labels, self.mask, self.progress))


class Companion(Hooks):
    """Something that learns or teaches beside the student; a module, so that what it trains is optimized and kept in checkpoints.

    Buffers are kept in checkpoints too. The hooks do nothing unless a companion needs them.

    Attributes:
        names: of its terms, as they stand in the curve.
        watches: reads what hooks saw in the student's own answer, hence comes before those who run the student again.
    """

    names: tuple[str, ...] = ()
    watches = False

    def counts(self, labels: Tensor, mask: Tensor, rows: np.ndarray) -> Tensor:
        """Return what each term will count in a batch, float64 (terms,)."""
        raise NotImplementedError

    def forward(self, seen: Seen, counts: Sequence[float] | None) -> tuple[Tensor, list[Tensor]]:
        """Return (what is added to the objective, each term's mean before its weight, detached)."""
        raise NotImplementedError


class Together(Hooks):
    """An objective and its companions; stands where an objective stands."""

    def __init__(self, objective: Objective, companions: Sequence[Companion]) -> None:
        super().__init__()
        self.objective = objective
        self.companions = nn.ModuleList(sorted(companions, key=lambda companion: not companion.watches))

    @property
    def terms(self) -> dict[str, Any]:
        """The terms by name, the companions' after the objective's."""
        return {**self.objective.terms, **{name: companion for companion in self._companions for name in companion.names}}

    @property
    def _companions(self) -> list[Companion]:
        return [companion for companion in self.companions if isinstance(companion, Companion)]

    def counts(self, labels: Tensor, mask: Tensor, rows: np.ndarray) -> Tensor:
        """Return what each term will count in a batch, float64 (terms,)."""
        own = self.objective.counts(labels, mask, rows)
        return torch.cat([own, *(each.counts(labels[_answered(labels)], mask, rows) for each in self._companions)])

    def forward(
        self,
        student: nn.Module,
        inputs: Mapping[str, Tensor],
        labels: Tensor,
        rows: np.ndarray,
        progress: float,
        counts: Sequence[float] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return (total, parts), see `Objective.forward`."""
        first = len(self.objective.terms)
        with Watched(student) as watched:
            total, own = self.objective(student, inputs, labels, rows, progress, None if counts is None else counts[:first])
        seen = Seen(student, inputs, labels, rows, progress, watched.logits[_answered(labels)])
        parts = [own]
        for companion in self._companions:
            last = first + len(companion.names)
            added, more = companion(seen, None if counts is None else counts[first:last])
            total, first = total + added, last
            parts += [part.reshape(1) for part in more]
        return total, torch.cat(parts)

    def begin(self, student: nn.Module) -> None:
        """See `Hooks.begin`."""
        for companion in self._companions:
            companion.begin(student)

    def after_step(self, student: nn.Module) -> None:
        """See `Hooks.after_step`."""
        for companion in self._companions:
            companion.after_step(student)

    @contextmanager
    def kept(self, student: nn.Module) -> Iterator[None]:
        """See `Hooks.kept`."""
        with ExitStack() as stack:
            for companion in self._companions:
                stack.enter_context(companion.kept(student))
            yield

    def finish(self, student: nn.Module) -> None:
        """See `Hooks.finish`."""
        for companion in self._companions:
            companion.finish(student)


class Watched:
    """Keeps what a model answers while the block is open."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._answers: list[Tensor] = []

    @property
    def logits(self) -> Tensor:
        """The last answer, float32."""
        return self._answers[-1].float()

    def __enter__(self) -> Watched:
        self._handle = self._model.register_forward_hook(lambda _model, _inputs, output: self._answers.append(output.logits))
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._handle.remove()


def share(summed: Tensor, count: int | Tensor, counts: Sequence[float] | None, number: int) -> Tensor:
    """Return a term's mean: its sum by what the whole step counts, or by the batch's own count when the batch is the whole."""
    if counts is not None:
        return summed / max(counts[number], 1.0)
    return summed / (count.clamp(min=1) if isinstance(count, Tensor) else max(count, 1))
