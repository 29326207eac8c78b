"""How to train: the settings, and `fit`. Light: the loop, and torch with it, is imported when training starts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import model_validator

from compactor.base.reporter import Reporter
from compactor.base.settings import Settings, setting
from compactor.distillation.quantization_aware.settings import QuantizationAware

if TYPE_CHECKING:
    from compactor.data import Encoded
    from compactor.distillation.objective import Objective


class TrainSettings(Settings):
    """How long, how fast and how often."""

    epochs: float = setting(3.0, "times through the training rows; a fraction stops inside an epoch", gt=0)
    batch_size: int = setting(32, "rows for each step, of all parts and all processes together", ge=1)
    accumulate: int = setting(
        1,
        "parts that the rows of a step are cut into, one after the other, to save memory; the step's loss stays the same",
        ge=1,
    )
    learning_rate: float = setting(1e-4, "the highest learning rate", gt=0)
    weight_decay: float = setting(0.01, "AdamW's decay of matrices; biases and norms are left alone", ge=0)
    warmup: float = setting(0.1, "share of the steps in which the learning rate rises from zero", ge=0, lt=1)
    decay: Literal["linear", "cosine", "constant"] = setting("linear", "how the learning rate falls after the warm-up, to zero")
    optimizer: Literal["adamw", "adamw8bit"] = setting(
        "adamw", "adamw8bit keeps its moments in 2 bytes a weight instead of 8, by bitsandbytes"
    )
    precision: Literal["auto", "fp32", "bf16"] = setting(
        "auto",
        "numbers inside the layers: auto is bf16 on a GPU or x86 processor that has it, fp32 elsewhere; logits and losses are always fp32",
    )
    quantization_aware: QuantizationAware | None = setting(
        None, "train for the quantize stage that follows, rounding as its graph will: {method: dynamic-int8}"
    )
    checkpointing: bool = setting(
        False, "compute the inside of every layer again in the backward pass: less memory, about a third more time"
    )
    clip_norm: float = setting(1.0, "gradients longer than this are shortened to it; 0 switches it off", ge=0)
    dropout: float | None = setting(None, "dropout while training; by default what the model's configuration says", ge=0, lt=1)
    piece_dropout: float = setting(0.0, "share of a text's pieces hidden behind the mask piece at each step", ge=0, lt=1)
    keep: Literal["last", "best"] = setting(
        "last", "which weights are kept: the last, or those of the best epoch on validation rows"
    )
    average: float | None = setting(
        None, "keep a running average of the weights, with this share of the old one at each step: 0.999", gt=0, lt=1
    )
    checkpoint_seconds: float = setting(60.0, "longest time between two checkpoints", free=True, gt=0)
    log_steps: int = setting(20, "steps between two lines of events.jsonl", free=True, ge=1)

    @model_validator(mode="after")
    def _parts_have_rows(self) -> Self:
        if self.accumulate > self.batch_size:
            raise ValueError(f"accumulate {self.accumulate} cuts {self.batch_size} rows (batch_size) into more parts than rows")
        return self

    @model_validator(mode="after")
    def _rounding_sees_whole_floats(self) -> Self:
        if self.quantization_aware is not None and self.precision == "bf16":
            raise ValueError("precision bf16 rounds before quantization_aware can: the int8 graph starts from fp32")
        return self


@dataclass(frozen=True)
class Job:
    """What one training is given; the processes that help with it are handed a copy.

    Attributes:
        model, encoded, objective, settings, seed, threads, mask_id: see `fit`.
    """

    model: Any
    encoded: Encoded
    objective: Objective
    settings: TrainSettings
    seed: int
    threads: int
    mask_id: int | None = None


def learning_rate_at(settings: TrainSettings, step: int, steps: int) -> float:
    """Return the learning rate of one step; `step` counts from 0.

    It rises linearly to its height over the warm-up and then falls, to zero after the last step.
    """
    warm = round(settings.warmup * steps)
    if step < warm:
        return settings.learning_rate * (step + 1) / warm
    share = (step - warm) / max(1, steps - warm)
    factor = {"linear": 1.0 - share, "cosine": (1.0 + math.cos(math.pi * share)) / 2.0, "constant": 1.0}[settings.decay]
    return settings.learning_rate * factor


def fit(
    model: Any,
    encoded: Encoded,
    objective: Objective,
    settings: TrainSettings,
    *,
    seed: int,
    threads: int,
    checkpoints: Path,
    reporter: Reporter,
    validate: Callable[[Any], float] | None = None,
    mask_id: int | None = None,
    description: str = "training",
) -> dict[str, Any]:
    """Train a model in place; killed at any moment and called again, it ends with the same bits as if it had not been killed.

    Everything random follows from (seed, epoch) or (seed, step). The same bits need the same machine, threads and number of processes.
    Called in process 0 of several (torchrun), it is helped by the others; the rows of each step are shared among them.

    Args:
        model: a transformers classifier on the CPU; it is there again afterwards, in `eval()`.
        encoded: the training rows.
        objective: what is made small.
        settings: see `TrainSettings`.
        seed: for the order of the rows and for dropout.
        threads: cores that torch may use on this machine, for all processes together.
        checkpoints: a folder of this training's own.
        reporter: gets a bar, and an event every `log_steps`.
        validate: called after every epoch with the model in `eval()`; a higher value is better.
        mask_id: the piece that hides others; needed for `piece_dropout`.
        description: shown beside the bar.

    Returns:
        Facts: `steps`, `epochs`, `curve` (step, loss, parts before weights, learning rate), `validation` (epoch, value), `kept_epoch`,
        `padding_share`, `samples_per_second`, `seconds`, `resumed_from_step`, `device`, `processes`, `precision`.

    Raises:
        StageError: L150 the loss is not finite; L151 pieces are to be hidden and there is no mask piece; R101 or R102 a checkpoint
            cannot be written; L152 too few GPUs; L155, L156 precision or checkpointing that this model cannot have.
        MissingError: L154 bitsandbytes is not installed.
    """
    from compactor.distillation.loop import Training
    from compactor.distillation.processes import connect

    crew, job = connect(), Job(model, encoded, objective, settings, seed, threads, mask_id)
    crew.share(job)
    return Training(job, crew, checkpoints, reporter).run(validate, description)
