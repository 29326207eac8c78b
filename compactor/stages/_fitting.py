"""Training as the stages do it: encoded rows in, facts out, the task's main figure on the validation rows at every epoch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.stages._inputs import encoded

if TYPE_CHECKING:
    from compactor.distillation.objective import Objective
    from compactor.distillation.trainer import TrainSettings
    from compactor.stages._contract import Work


def fit_model(
    model: Any,
    work: Work,
    objective: Objective,
    settings: TrainSettings,
    tokenizer: Path,
    description: str,
    *,
    checkpoints: Path | None = None,
    rows: Any = None,
) -> dict[str, Any]:
    """Train a model on the rows of `training`, in place; return the facts of `compactor.distillation.trainer.fit`.

    Args:
        model: the model.
        work: gives rows, seed, threads, the folder for checkpoints.
        objective: what is made small.
        settings: how long and how fast.
        tokenizer: folder whose tokenizer files encode the rows.
        description: shown beside the bar; also the name of the checkpoints' folder.
        checkpoints: a folder for them, instead of one below the work's.
        rows: encoded rows to train on, instead of those of `training`.
    """
    from compactor.distillation.evaluate import predict
    from compactor.distillation.trainer import fit
    from compactor.models.reading import reads_images
    from compactor.models.tokenizer import mask_id

    held_out = encoded(work, tokenizer, "validation")

    def validate(current: Any) -> float:
        found = predict(current, held_out, threads=work.threads)
        return work.task.value(found, held_out.labels, names=work.data.labels, teacher_logits=_taught(work))

    return fit(
        model,
        encoded(work, tokenizer, "training") if rows is None else rows,
        objective,
        settings,
        seed=work.seed,
        threads=work.threads,
        checkpoints=checkpoints or work.checkpoints / description.replace(" ", "-"),
        reporter=work.reporter,
        validate=validate,
        mask_id=None if reads_images(tokenizer) else mask_id(tokenizer),
        description=description,
    )


def validation_value(model: Any, work: Work, tokenizer: Path) -> dict[str, Any]:
    """Return `{metric, value, rows}` of a torch model on the validation rows, by the task's metric."""
    from compactor.distillation.evaluate import predict

    held_out = encoded(work, tokenizer, "validation")
    logits = predict(model, held_out, threads=work.threads, reporter=work.reporter)
    told: dict[str, Any] = {"split": "validation", "seed": work.seed, "names": work.data.labels}
    quality = work.task.quality(logits, held_out.labels, teacher_logits=_taught(work), **told)
    return {"metric": quality.metric, "value": quality.value, "rows": quality.n}


def _taught(work: Work) -> Any:
    """Return the teacher's answers on the validation rows where these may have no labels to be judged by."""
    from compactor.stages._inputs import teacher_logits

    return teacher_logits(work, "validation") if work.task.label_kind == "vector" and work.teacher is not None else None
