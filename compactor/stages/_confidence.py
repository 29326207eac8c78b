"""How sure the teacher is of rows that have no label, looked at on a part of them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.finding import Finding

if TYPE_CHECKING:
    from compactor.stages._contract import Work

ROWS = 2000
# A share of unsure answers that is so much above that of the training rows is worth a word.
UNSURE, MUCH_MORE = 0.5, 0.25
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def teacher_confidence(work: Work, rows: int) -> dict[str, Any] | None:
    """Ask the teacher about up to 2,000 of the new rows, drawn with the seed; return facts about its highest probability.

    Args:
        work: of the stage, whose folder holds the new rows.
        rows: how many there are.

    Returns:
        `rows` asked, `below_half` (share whose highest probability is under 0.5), `quantiles`, and `training_below_half`, the same share
        of as many training rows; None when the teacher is no model of classes.
    """
    from compactor.data import read_dataset

    classes = getattr(work.task, "label_kind", "class") == "class"
    if work.teacher is None or work.teacher.kind != "torch" or not classes:
        return None
    new = read_dataset(work.folder, work.data.train.labels)
    asked = _highest(work, new, rows)
    known = _highest(work, work.data.train, len(work.data.train))
    share, usual = float((asked < UNSURE).mean()), float((known < UNSURE).mean())
    if share > usual + MUCH_MORE:
        compared = f"{share:.0%} of {len(asked):,} new rows looked at, and of {usual:.0%} of training rows"
        sentence = f"the teacher is less than half sure of {compared}"
        hint = "smaller shares, or fewer operations at once, stay nearer to texts that it knows"
        work.reporter.finding(Finding("A203", "note", sentence, hint))
    return {
        "rows": len(asked),
        "below_half": round(share, 4),
        "training_below_half": round(usual, 4),
        "quantiles": {str(q): round(float(np.quantile(asked, q)), 4) for q in QUANTILES},
    }


def _highest(work: Work, rows: Any, count: int) -> np.ndarray:
    """Return the teacher's highest probability for some of the rows, float (asked,)."""
    from compactor.data import Encoded, encode
    from compactor.distillation.evaluate import predict
    from compactor.models.tokenizer import load_tokenizer, max_length, pad_id
    from compactor.stages._inputs import teacher_folder
    from compactor.stages._small_teacher import load_teacher

    teacher = teacher_folder(work)
    places = np.sort(np.random.default_rng(work.seed).permutation(count)[:ROWS])
    with tempfile.TemporaryDirectory() as scratch:
        encode(rows.select(places), load_tokenizer(teacher), max_length(teacher), Path(scratch))
        logits = predict(load_teacher(work, teacher), Encoded(Path(scratch), pad_id(teacher)), threads=work.threads)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    highest: np.ndarray = 1.0 / shifted.sum(axis=1)
    return highest
