"""One optimizer step: its rows cut into parts, the parts' gradients added up, over parts and over processes, and the weights moved.

The loss of a step is, term by term, the sum over all its rows divided by the count over all its rows; what is counted is known before any
model runs, so that every part is divided by the count of the whole and gradients need only be added. Neither `accumulate` nor the number
of processes changes the loss, unlike the mean of the parts' means, which weighs a short part's pieces higher.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from compactor.base.errors import StageError
from compactor.distillation.hiding import hide_pieces
from compactor.distillation.trainer import TrainSettings, learning_rate_at
from compactor.models.feeding import given

if TYPE_CHECKING:
    from compactor.distillation.processes import Crew
    from compactor.distillation.trainer import Job

# Keep the numbers that hide pieces and those of dropout apart from those that order rows.
HIDING, DROPOUT = 1, 2


class Steps:
    """Makes the steps of one training.

    Args:
        job: model, rows, objective and settings.
        crew: the processes that share the rows of each step.
        optimizer: moves `named`.
        named: the trained parameters.
        steps: how many there will be.
    """

    def __init__(
        self, job: Job, crew: Crew, optimizer: torch.optim.Optimizer, named: Mapping[str, nn.Parameter], steps: int
    ) -> None:
        self.job, self.crew, self.optimizer, self.steps = job, crew, optimizer, steps
        self.parameters = list(named.values())

    def make(self, rows: np.ndarray, step: int) -> tuple[Tensor, float]:
        """Make one step; return (loss and each term's mean before its weight, float32 (1 + terms,)) and the learning rate."""
        settings, objective = self.job.settings, self.job.objective
        if not self.job.model.training:  # every module is visited otherwise, at every step
            self.job.model.train()
        objective.train()
        rate = learning_rate_at(settings, step, self.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        figures = self.crew.add_gradients(self.parameters, self._backward(rows, step))
        if settings.clip_norm:
            nn.utils.clip_grad_norm_(self.parameters, settings.clip_norm)
        # On the CPU looking costs nothing, so that no step is made with a broken gradient; a GPU is asked only when a line is logged.
        if self.crew.device.type == "cpu":
            check_finite(figures, settings, step + 1, self.steps, rate)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        objective.after_step(self.job.model)
        return figures, rate

    def _backward(self, rows: np.ndarray, step: int) -> Tensor:
        """Add up the gradients of this process's parts of a step; return its share of the figures."""
        parts = self.crew.size * self.job.settings.accumulate
        mine = [part for part in np.array_split(rows, parts)[self.crew.rank :: self.crew.size] if len(part)]
        batches = [self._batch(part, step) for part in mine]
        counts = None if parts == 1 else self._counts(mine, batches)
        figures = torch.zeros(1 + len(self.job.objective.terms), device=self.crew.device)
        for number, (part, batch) in enumerate(zip(mine, batches, strict=True)):
            _reseed(self.crew.device, self.job.seed, step, self.crew.rank, number)
            total, shares = self.job.objective(
                self.job.model,
                given(batch, self.crew.device),
                torch.from_numpy(batch["labels"]).to(self.crew.device),
                self._answer_rows(part),
                step / max(1, self.steps - 1),
                counts=counts,
            )
            total.backward()
            figures += torch.cat([total.detach().reshape(1), shares])
        return figures

    def _batch(self, rows: np.ndarray, step: int) -> dict[str, np.ndarray]:
        batch, share = self.job.encoded.batch(rows), self.job.settings.piece_dropout
        if not share:
            return batch
        assert self.job.mask_id is not None
        return hide_pieces(batch, share, self.job.mask_id, rows, (self.job.seed, step, HIDING))

    def _counts(self, mine: list[np.ndarray], batches: list[dict[str, np.ndarray]]) -> list[float]:
        """Return what each term counts in the whole step, in all processes."""
        counts = torch.zeros(len(self.job.objective.terms), dtype=torch.float64)
        for part, batch in zip(mine, batches, strict=True):
            labels, mask = torch.from_numpy(batch["labels"]), torch.from_numpy(_mask(batch))
            counts += self.job.objective.counts(labels, mask, self._answer_rows(part))
        whole: list[float] = self.crew.add(counts).tolist()
        return whole

    def _answer_rows(self, rows: np.ndarray) -> np.ndarray:
        """Return where the answers to these rows stand among the teacher's: a row may have several, such as one a word."""
        place: Any = getattr(self.job.encoded, "answer_rows", None)
        found: np.ndarray = rows if place is None else place(rows)
        return found


def check_finite(figures: Tensor, settings: TrainSettings, step: int, steps: int, rate: float) -> None:
    """Raise L150 when the loss or one of its terms is not a number."""
    if not torch.isfinite(figures).all():
        raise StageError(
            "L150",
            f"the loss is {figures.sum().item()} at step {step} of {steps}, learning rate {rate:.2e}",
            f"lower train.learning_rate, for example to {settings.learning_rate / 3:.1e}; what was finished before is kept",
        )


def _mask(batch: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the attention mask; inputs without one, such as images, are whole."""
    return batch["attention_mask"] if "attention_mask" in batch else np.ones((len(batch["labels"]), 1), dtype=np.int64)


def _reseed(device: torch.device, *moment: int) -> None:
    """Set the device's generator by the moment, so that dropout needs no state in a checkpoint and differs between processes."""
    seed, *rest = moment
    drawn = int(np.random.SeedSequence((seed, *rest, DROPOUT)).generate_state(1, np.uint64)[0])
    if device.type == "cpu":
        torch.default_generator.manual_seed(drawn)  # torch.manual_seed would look for devices that are not there, at every step
    else:
        torch.manual_seed(drawn)
