"""Multi-task training: one encoder, the main task with its objective, and a head and the labels of its own for every further data set.

What: the main objective on the main rows + weight * cross-entropy of each further set's head on its rows. A batch holds rows of all sets in
    proportion to their sizes. The further heads are dropped at the end.
Source: Liu et al. 2019, Multi-Task Deep Neural Networks (arXiv:1901.11504), section 3 and algorithm 1, there with batches of one set each.
Takes: what goes into the student's last linear map (rows, width), read by a hook, so that any family of students will do.
Neighbours: `tasks` gives more data with other labels; the augment stage gives more data of the same task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compactor.distillation.regimes.mixing import home_of
from compactor.distillation.regimes.settings import FurtherTask
from compactor.distillation.regimes.together import share
from compactor.models.feeding import fitting
from compactor.models.loading import head_linear

FIRST_SPREAD = 0.02


class MixedTasks(nn.Module):
    """The main objective and further heads; stands where an objective stands.

    Args:
        objective: of the main task (an `Objective`, or one with companions).
        heads: of each further set, see `new_heads`.
        starts: where each set's rows begin, the main set's at 0, and the end of all.
        tasks: their names, for the curve, and their weights.
    """

    def __init__(self, objective: Any, heads: nn.ModuleList, *, starts: np.ndarray, tasks: Sequence[FurtherTask]) -> None:
        super().__init__()
        self.objective, self.heads, self.starts = objective, heads, starts
        self.weights = tuple(task.weight for task in tasks)
        self.names = tuple(f"task/{task.name}" for task in tasks)

    @property
    def terms(self) -> dict[str, Any]:
        """The main objective's terms by name, then one for each further set."""
        return {**self.objective.terms, **dict(zip(self.names, self.heads, strict=True))}

    def counts(self, labels: Tensor, mask: Tensor, rows: np.ndarray) -> Tensor:
        """Return what each term will count: main rows for the main terms, labelled rows of its set for each further one."""
        homes = torch.from_numpy(home_of(rows, self.starts)).to(labels.device)
        main = homes == 0
        own = self.objective.counts(labels[main], mask[main], rows[main.cpu().numpy()])
        further = [float(((homes == number) & (labels >= 0)).sum()) for number in range(1, len(self.heads) + 1)]
        return torch.cat([own, torch.tensor(further, dtype=torch.float64)])

    def forward(
        self,
        student: nn.Module,
        inputs: Mapping[str, Tensor],
        labels: Tensor,
        rows: np.ndarray,
        progress: float,
        counts: Sequence[float] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return (total, parts), see `Objective.forward`; `labels` are numbers of each row's own set."""
        homes = home_of(rows, self.starts)
        width = len(self.objective.terms)
        total, own = labels.new_zeros((), dtype=torch.float32), labels.new_zeros(width, dtype=torch.float32)
        main, further = np.flatnonzero(homes == 0), np.flatnonzero(homes > 0)
        if len(main):
            part = _rows(inputs, main)
            total, own = self.objective(
                student, part, labels[main], rows[main], progress, None if counts is None else counts[:width]
            )
        means = [total.new_zeros(())] * len(self.heads)
        if len(further):
            with Read(student) as read:
                student(**fitting(student, _rows(inputs, further)))
            for number in np.unique(homes[further]).tolist():
                logits = self.heads[number - 1](read.features[homes[further] == number]).float()
                wanted = labels[np.flatnonzero(homes == number)].clamp(min=-100)
                summed = F.cross_entropy(logits, torch.where(wanted < 0, -100, wanted), reduction="sum")
                mean = share(summed, (wanted >= 0).sum(), counts, width + number - 1)
                total = total + self.weights[number - 1] * mean
                means[number - 1] = mean.detach()
        return total, torch.cat([own, torch.stack(means)])

    def begin(self, student: nn.Module) -> None:
        """See `Companion.begin`."""
        self.objective.begin(student)

    def after_step(self, student: nn.Module) -> None:
        """See `Companion.after_step`."""
        self.objective.after_step(student)

    @contextmanager
    def kept(self, student: nn.Module) -> Iterator[None]:
        """See `Companion.kept`."""
        with self.objective.kept(student):
            yield

    def finish(self, student: nn.Module) -> None:
        """See `Companion.finish`."""
        self.objective.finish(student)


class Read:
    """Keeps what goes into a model's head while the block is open."""

    def __init__(self, model: nn.Module) -> None:
        self._head = head_linear(model)
        self._kept: list[Tensor] = []

    @property
    def features(self) -> Tensor:
        """The last batch's, (rows, width)."""
        return self._kept[-1]

    def __enter__(self) -> Read:
        self._handle = self._head.register_forward_pre_hook(lambda _head, given: self._kept.append(given[0]))
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.remove()


def new_heads(student: nn.Module, classes: Sequence[int], *, seed: int) -> nn.ModuleList:
    """Return a linear map for each further set, from what the student's own head reads to that set's labels."""
    width, generator = head_linear(student).in_features, torch.Generator().manual_seed(seed)
    heads = nn.ModuleList(nn.Linear(width, number) for number in classes)
    with torch.no_grad():
        for parameter in heads.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * FIRST_SPREAD)
    return heads


def _rows(inputs: Mapping[str, Tensor], rows: np.ndarray) -> dict[str, Tensor]:
    return {name: values[rows] for name, values in inputs.items()}
