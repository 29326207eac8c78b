"""The training loop: order of the rows, steps, validation, checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from compactor.base.errors import StageError
from compactor.base.reporter import Bar, Reporter
from compactor.data import grouped_batches
from compactor.distillation.checkpoint import State, load_state, save_state
from compactor.distillation.curve import Curve
from compactor.distillation.dropout import set_dropout
from compactor.distillation.optimizer import make_optimizer, optimizer_state, restore_optimizer
from compactor.distillation.pieces import UsedPieces
from compactor.distillation.precision import choose_precision, computing_again, computing_in
from compactor.distillation.processes import Crew
from compactor.distillation.quantization_aware.imitation import imitating
from compactor.distillation.running_average import RunningAverage
from compactor.distillation.steps import Steps, check_finite
from compactor.distillation.trainer import Job

# An epoch's end is a good moment for a checkpoint, but not if the last one is this much younger than `checkpoint_seconds`.
EPOCH_END_SHARE = 1 / 6
# What a checkpoint holds; one of another format is not resumed.
FORMAT = 3
# Before the names of the objective's own weights among those of the best epoch.
ALONG = "along:"


class Training:
    """One training, from its first step or from where it was killed; see `compactor.distillation.trainer.fit`.

    Args:
        job: what is trained.
        crew: the processes that do it, each with an equal `job`.
        checkpoints: the folder of its states; None in a process that does not lead.
        reporter: told what happens.
    """

    def __init__(self, job: Job, crew: Crew, checkpoints: Path | None, reporter: Reporter) -> None:
        if job.settings.piece_dropout and job.mask_id is None:
            raise StageError("L151", "the tokenizer has no mask piece to hide others behind", "set train.piece_dropout: 0")
        self.threads = max(1, job.threads // crew.local_size)
        torch.set_num_threads(self.threads)
        self.job, self.crew, self.checkpoints, self.reporter = job, crew, checkpoints, reporter
        self.settings, self.model, self.objective = job.settings, job.model.to(crew.device), job.objective.to(crew.device)
        # Rounding must see the numbers that the int8 graph will see.
        wanted = "fp32" if self.settings.quantization_aware else self.settings.precision
        self.precision = choose_precision(wanted, crew.device, self.model)
        self.epoch_steps = len(self._order(0))
        self.steps = max(1, round(self.settings.epochs * self.epoch_steps))
        self.pieces = UsedPieces(self.model, job.encoded, (job.mask_id,) if self.settings.piece_dropout else ())  # type: ignore[arg-type]
        named = [*self.model.named_parameters(prefix="model"), *self.objective.named_parameters(prefix="objective")]
        self.named: dict[str, nn.Parameter] = {name: value for name, value in named if value.requires_grad}
        self.optimizer = make_optimizer(self.named, self.settings)
        self.average = RunningAverage(self.named, self.settings.average)
        self.curve = Curve.empty(list(self.objective.terms), crew.device)
        self.best: dict[str, Tensor] = {}
        self.step, self.saved = 0, time.perf_counter()

    def run(self, validate: Callable[[Any], float] | None, description: str) -> dict[str, Any]:
        """Train to the end and return the facts."""
        for module in (self.model, self.objective):
            set_dropout(module, self.settings.dropout)
        torch.manual_seed(self.job.seed)
        self.objective.begin(self.model)
        self._resume()
        begun, resumed = time.perf_counter(), self.step
        steps = Steps(self.job, self.crew, self.optimizer, self.named, self.steps)
        with ExitStack() as stack:
            stack.enter_context(computing_in(self.precision, self.model, self.crew.device))
            rounded = stack.enter_context(imitating(self.settings.quantization_aware, self.model, self.pieces.outside))
            stack.enter_context(computing_again(self.settings.checkpointing, self.model))
            bar = stack.enter_context(self.reporter.bar(description, self.steps))
            bar.restart(resumed)
            while self.step < self.steps:
                self._epoch(steps, bar, validate)
        further = {} if rounded is None else {"quantization_aware": rounded.facts}
        return {**self._finish(time.perf_counter() - begun, resumed), **further}

    def _epoch(self, steps: Steps, bar: Bar, validate: Callable[[Any], float] | None) -> None:
        """Make the steps of an epoch that are left."""
        left = self._order(self.step // self.epoch_steps)[self.step % self.epoch_steps :]
        for rows in left[: self.steps - self.step]:
            figures, rate = steps.make(rows, self.step)
            self.average.after_step()
            self.step += 1
            self.curve.add(figures)
            if self.step % self.settings.log_steps == 0 or self.step in {1, self.steps}:
                check_finite(self.curve.sums, self.settings, self.step, self.steps, rate)
                self.reporter.event("train", **self.curve.line(self.step, rate))
            bar.advance(1, **({} if self.curve.loss is None else {"loss": self.curve.loss}))
            ended = self.step % self.epoch_steps == 0 or self.step == self.steps
            if ended and validate is not None:
                self._validate(validate)
            self._save_if_due(ended)

    def _order(self, epoch: int) -> list[np.ndarray]:
        """Return the batches of an epoch: row numbers, made from (seed, epoch) alone."""
        return grouped_batches(
            self.job.encoded.lengths, self.settings.batch_size, np.random.default_rng([self.job.seed, epoch])
        )

    def _validate(self, validate: Callable[[Any], float]) -> None:
        """Ask for the value of the weights that would be kept, and remember them if they are the best so far."""
        epoch = round(self.step / self.epoch_steps, 3)
        with self.average.shown(), self.objective.kept(self.model), self.pieces.restored():
            value = validate(self.model.eval())
            if self.settings.keep == "best" and self.curve.is_best(value):
                self.best = {name: tensor.detach().cpu().clone() for name, tensor in self._kept().items()}
        torch.set_num_threads(self.threads)  # the leader validates on all cores, while the others wait
        self.curve.validation.append({"epoch": epoch, "value": value})
        self.reporter.event("validation", epoch=epoch, value=value)

    def _kept(self) -> dict[str, Tensor]:
        """Return what training leaves behind, live: the model, and what was trained along with it, such as the heads of exits."""
        along = {f"{ALONG}{name}": value for name, value in self.objective.named_parameters() if value.requires_grad}
        return {**self.model.state_dict(), **along}

    @property
    def _identity(self) -> dict[str, Any]:
        """What must be the same for a checkpoint to belong to this training."""
        return {
            "format": FORMAT,
            "settings": self.settings.key(),
            "seed": self.job.seed,
            "rows": len(self.job.encoded),
            "steps": self.steps,
            "shapes": {name: list(value.shape) for name, value in self.named.items()},
        }

    def _save_if_due(self, ended: bool) -> None:
        due = self.settings.checkpoint_seconds * (EPOCH_END_SHARE if ended else 1.0)
        if self.checkpoints is None or time.perf_counter() - self.saved < due:
            return
        tensors, numbers = optimizer_state(self.optimizer, self.named)
        tensors |= {f"weight/{name}": value.detach() for name, value in self.named.items()}
        tensors |= {f"buffer/{name}": value for name, value in self.objective.named_buffers()}
        tensors |= self.average.state()
        tensors |= {"sums": self.curve.sums} | {f"best/{name}": value for name, value in self.best.items()}
        values = {"step": self.step, "identity": self._identity, "optimizer": numbers}
        values |= {"curve": self.curve.lines, "validation": self.curve.validation}
        save_state(self.checkpoints, State(tensors, values))
        self.saved = time.perf_counter()
        self.reporter.event("checkpoint", step=self.step)

    def _resume(self) -> None:
        """Go on from the newest state; the leading process reads it for all."""
        state = self.crew.share(None if self.checkpoints is None else load_state(self.checkpoints, self._identity))
        if state is None:
            return
        tensors, values = state.tensors, state.values
        self.step, self.curve.lines, self.curve.validation = values["step"], values["curve"], values["validation"]
        with torch.no_grad():
            self.curve.sums.copy_(tensors["sums"])
            for name, parameter in self.named.items():
                parameter.copy_(tensors[f"weight/{name}"])
            for name, buffer in self.objective.named_buffers():
                buffer.copy_(tensors[f"buffer/{name}"])
        self.average.restore(tensors, self.step)
        restore_optimizer(self.optimizer, self.named, tensors, values["optimizer"])
        self.best = {name.removeprefix("best/"): value for name, value in tensors.items() if name.startswith("best/")}
        self.reporter.event("resumed", step=self.step)

    def _finish(self, seconds: float, resumed: int) -> dict[str, Any]:
        self.average.finish()
        self.objective.finish(self.model)
        self.pieces.restore()
        with torch.no_grad():
            for name, value in self._kept().items() if self.best else ():
                value.copy_(self.best[name])
        self.model.to("cpu").eval()
        samples = (self.steps - resumed) * len(self.job.encoded) / self.epoch_steps
        return {
            "steps": self.steps,
            "epochs": self.settings.epochs,
            "rows": len(self.job.encoded),
            "curve": self.curve.lines,
            "validation": self.curve.validation,
            "kept_epoch": self.curve.best_epoch if self.best else round(self.steps / self.epoch_steps, 3),
            "padding_share": round(self._padding(), 4),
            "samples_per_second": round(samples / max(seconds, 1e-9), 1),
            "seconds": round(seconds, 2),
            "resumed_from_step": resumed,
            "device": self.crew.device.type,
            "processes": self.crew.size,
            "precision": self.precision,
        }

    def _padding(self) -> float:
        """Return the share of padding among the pieces of an epoch."""
        lengths = np.asarray(self.job.encoded.lengths, dtype=np.int64)
        parts = self.crew.size * self.settings.accumulate
        cut = [part for rows in self._order(0) for part in np.array_split(rows, parts) if len(part)]
        padded = sum(int(lengths[part].max()) * len(part) for part in cut)
        return 1.0 - float(lengths.sum()) / max(1, padded)
