"""A teacher that answers in 8 or 4 bits: noted beside its weights, which stay in float, and measured against them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.atomic import read_json, write_json
from compactor.base.finding import Finding

if TYPE_CHECKING:
    from compactor.models.few_bits import LoadIn
    from compactor.stages._contract import Work

NOTE = "answering.json"
EXPECTED = 0.98


def note(folder: Path, load_in: LoadIn) -> None:
    """Write down how the model of a folder shall answer; a part of the folder's content, hence of all that depends on its answers."""
    write_json(folder / NOTE, {"load_in": load_in})


def load_teacher(work: Work, folder: Path) -> Any:
    """Return a torch model to ask for answers: in few bits where its folder says so, in float32 otherwise."""
    from compactor.models.few_bits import hold_in_few_bits
    from compactor.stages._inputs import load_model

    model = load_model(work, folder)
    if (folder / NOTE).is_file():
        hold_in_few_bits(model, read_json(folder / NOTE)["load_in"])
    return model


def measured(work: Work, load_in: LoadIn) -> dict[str, Any]:
    """Return what few bits save and cost: `load_in`, the facts of `hold_in_few_bits`, `agreement` on validation rows with float32."""
    from compactor.checks.agreement import agreement
    from compactor.distillation.evaluate import predict
    from compactor.models.few_bits import hold_in_few_bits
    from compactor.stages._inputs import encoded, load_model

    model, rows = load_model(work, work.folder), encoded(work, work.folder, "validation")
    before = predict(model, rows, threads=work.threads)
    held = hold_in_few_bits(model, load_in)
    found = agreement(before, predict(model, rows, threads=work.threads), work.task.same)
    if found.top1 < EXPECTED:
        sentence = f"in {load_in} the teacher answers {found.top1:.1%} of {found.rows} validation rows as it does in float"
        work.reporter.finding(Finding("L168", "warning", sentence, "use load_in: 8bit, or leave it out", "teacher"))
    return {"load_in": load_in, **held, "agreement": found.as_dict()}
