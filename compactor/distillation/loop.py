"""The training loop: order of the rows, steps, checkpoints, the curve."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from compactor.base.errors import StageError
from compactor.base.reporter import Reporter
from compactor.data import grouped_batches
from compactor.distillation.checkpoint import State, load_state, save_state
from compactor.distillation.hiding import hide_pieces
from compactor.distillation.pieces import UsedPieces
from compactor.distillation.trainer import TrainSettings, learning_rate_at
from compactor.models.feeding import feed

if TYPE_CHECKING:
    from compactor.data import Encoded
    from compactor.distillation.objective import Objective

# An epoch's end is a good moment for a checkpoint, but not if the last one is this much younger than `checkpoint_seconds`.
EPOCH_END_SHARE = 1 / 6
# Keeps the numbers that hide pieces apart from those that order rows.
HIDING = 1


class Training:
    """One training, from its first step or from where it was killed; see `compactor.distillation.trainer.fit`."""

    def __init__(
        self,
        model: Any,
        encoded: Encoded,
        objective: Objective,
        settings: TrainSettings,
        *,
        seed: int,
        threads: int,
        checkpoints: Path,
        reporter: Reporter,
        mask_id: int | None = None,
    ) -> None:
        if settings.piece_dropout and mask_id is None:
            raise StageError("L151", "the tokenizer has no mask piece to hide others behind", "set train.piece_dropout: 0")
        self.mask_id = mask_id if settings.piece_dropout else None
        torch.set_num_threads(threads)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model, self.encoded, self.objective = model.to(self.device), encoded, objective.to(self.device)
        self.settings, self.seed, self.checkpoints, self.reporter = settings, seed, checkpoints, reporter
        self.epoch_steps = len(self._order(0))
        self.steps = max(1, round(settings.epochs * self.epoch_steps))
        self.pieces = UsedPieces(self.model, encoded, () if self.mask_id is None else (self.mask_id,))
        named = [*model.named_parameters(prefix="model"), *objective.named_parameters(prefix="objective")]
        self.named: dict[str, nn.Parameter] = {name: value for name, value in named if value.requires_grad}
        self.optimizer = _optimizer(self.named, settings)
        self.step = 0
        self.sums = torch.zeros(1 + len(objective.terms), dtype=torch.float64, device=self.device)
        self.curve: list[dict[str, Any]] = []
        self.validation: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}

    def run(self, validate: Callable[[Any], float] | None, description: str) -> dict[str, Any]:
        """Train to the end and return the facts."""
        _set_dropout(self.model, self.settings.dropout)
        torch.manual_seed(self.seed)
        self._resume()
        begun, resumed = time.perf_counter(), self.step
        saved = begun
        with self.reporter.bar(description, self.steps) as bar:
            bar.restart(resumed)
            while self.step < self.steps:
                for rows in self._order(self.step // self.epoch_steps)[self.step % self.epoch_steps :]:
                    self._step(rows)
                    bar.advance(1, **({"loss": self.curve[-1]["loss"]} if self.curve else {}))
                    ended = self.step % self.epoch_steps == 0 or self.step == self.steps
                    if ended and validate is not None:
                        with self.pieces.restored():
                            self._validate(validate)
                    if time.perf_counter() - saved >= self.settings.checkpoint_seconds * (EPOCH_END_SHARE if ended else 1.0):
                        self._save()
                        saved = time.perf_counter()
                    if self.step == self.steps:
                        break
        return self._finish(time.perf_counter() - begun, resumed)

    def _order(self, epoch: int) -> list[np.ndarray]:
        """Return the batches of an epoch: row numbers, made from (seed, epoch) alone."""
        return grouped_batches(self.encoded.lengths, self.settings.batch_size, np.random.default_rng([self.seed, epoch]))

    def _step(self, rows: np.ndarray) -> None:
        self.model.train()
        rate = learning_rate_at(self.settings, self.step, self.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        batch = self.encoded.batch(rows)
        if self.mask_id is not None:
            batch = hide_pieces(
                batch, self.settings.piece_dropout, self.mask_id, np.random.default_rng([self.seed, self.step, HIDING])
            )
        inputs, labels = feed(self.model, batch, self.device), torch.from_numpy(batch["labels"]).to(self.device)
        total, parts = self.objective(self.model, inputs, labels, rows, self.step / max(1, self.steps - 1))
        total.backward()
        if self.settings.clip_norm:
            nn.utils.clip_grad_norm_(self.named.values(), self.settings.clip_norm)
        # On the CPU looking costs nothing, so that no step is made with a broken gradient; a GPU is asked only when a line is logged.
        if self.device.type == "cpu":
            self._check_finite(total, rate)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.sums += torch.cat([total.detach().reshape(1), parts]).double()
        self.step += 1
        if self.step % self.settings.log_steps == 0 or self.step in {1, self.steps}:
            self._log(rate)

    def _check_finite(self, total: Tensor, rate: float) -> None:
        if not torch.isfinite(total).all():
            raise StageError(
                "L150",
                f"the loss is {total.sum().item()} at step {self.step + 1} of {self.steps}, learning rate {rate:.2e}",
                f"lower train.learning_rate, for example to {self.settings.learning_rate / 3:.1e}; what was finished before is kept",
            )

    def _log(self, rate: float) -> None:
        """Add the means since the last line to the curve."""
        self._check_finite(self.sums, rate)
        since = self.step - (self.curve[-1]["step"] if self.curve else 0)
        total, *parts = (self.sums / since).tolist()
        self.sums.zero_()
        line = {
            "step": self.step,
            "loss": round(total, 6),
            "parts": {name: round(value, 6) for name, value in zip(self.objective.terms, parts, strict=True)},
            "learning_rate": rate,
        }
        self.curve.append(line)
        self.reporter.event("train", **line)

    def _validate(self, validate: Callable[[Any], float]) -> None:
        epoch, value = self.step / self.epoch_steps, validate(self.model.eval())
        best = max((entry["value"] for entry in self.validation), default=float("-inf"))
        self.validation.append({"epoch": round(epoch, 3), "value": value})
        self.reporter.event("validation", epoch=round(epoch, 3), value=value)
        if self.settings.keep == "best" and value > best:
            self.best = {name: tensor.detach().cpu().clone() for name, tensor in self.model.state_dict().items()}

    @property
    def _identity(self) -> dict[str, Any]:
        """What must be the same for a checkpoint to belong to this training."""
        shapes = {name: list(value.shape) for name, value in self.named.items()}
        return {
            "settings": self.settings.key(),
            "seed": self.seed,
            "rows": len(self.encoded),
            "steps": self.steps,
            "shapes": shapes,
        }

    def _save(self) -> None:
        tensors = {"random/cpu": torch.get_rng_state(), "sums": self.sums}
        if self.device.type == "cuda":
            tensors["random/cuda"] = torch.cuda.get_rng_state()
        for name, parameter in self.named.items():
            tensors[f"weight/{name}"] = parameter.detach()
            tensors |= {f"{kind}/{name}": value for kind, value in self.optimizer.state[parameter].items()}
        tensors |= {f"best/{name}": value for name, value in self.best.items()}
        values = {"step": self.step, "identity": self._identity, "curve": self.curve, "validation": self.validation}
        save_state(self.checkpoints, State({name: value.contiguous() for name, value in tensors.items()}, values))
        self.reporter.event("checkpoint", step=self.step)

    def _resume(self) -> None:
        state = load_state(self.checkpoints, self._identity)
        if state is None:
            return
        tensors, self.step = state.tensors, state.values["step"]
        self.curve, self.validation = state.values["curve"], state.values["validation"]
        with torch.no_grad():
            self.sums.copy_(tensors["sums"])
            for name, parameter in self.named.items():
                parameter.copy_(tensors[f"weight/{name}"])
                moments = {kind: tensors[f"{kind}/{name}"].to(self.device) for kind in ("exp_avg", "exp_avg_sq")}
                self.optimizer.state[parameter] = {"step": tensors[f"step/{name}"], **moments}
        self.best = {name.removeprefix("best/"): value for name, value in tensors.items() if name.startswith("best/")}
        torch.set_rng_state(tensors["random/cpu"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["random/cuda"])
        self.reporter.event("resumed", step=self.step)

    def _finish(self, seconds: float, resumed: int) -> dict[str, Any]:
        self.pieces.restore()
        kept = self.steps / self.epoch_steps
        if self.best:
            self.model.load_state_dict(self.best)
            kept = max(self.validation, key=lambda entry: entry["value"])["epoch"]
        self.model.to("cpu").eval()
        lengths = np.asarray(self.encoded.lengths, dtype=np.int64)
        padded = sum(int(lengths[rows].max()) * len(rows) for rows in self._order(0))
        samples = (self.steps - resumed) * len(self.encoded) / self.epoch_steps
        return {
            "steps": self.steps,
            "epochs": self.settings.epochs,
            "rows": len(self.encoded),
            "curve": self.curve,
            "validation": self.validation,
            "kept_epoch": round(kept, 3),
            "padding_share": round(1.0 - float(lengths.sum()) / max(1, padded), 4),
            "samples_per_second": round(samples / max(seconds, 1e-9), 1),
            "seconds": round(seconds, 2),
            "resumed_from_step": resumed,
            "device": str(self.device),
        }


def _optimizer(named: dict[str, nn.Parameter], settings: TrainSettings) -> torch.optim.Optimizer:
    """Return AdamW; matrices decay, vectors (biases, norms) do not."""
    groups = [
        {"params": [value for value in named.values() if value.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [value for value in named.values() if value.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=settings.learning_rate, fused=True)


def _set_dropout(model: nn.Module, share: float | None) -> None:
    if share is not None:
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = share
