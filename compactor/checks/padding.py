"""How much an answer depends on padding and on the texts it shares a batch with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from compactor.base.finding import Finding
from compactor.checks.agreement import Agreement, agreement
from compactor.checks.answers import Answer, EncodedRows, answer_one_by_one, spread

ROWS = 64
MATES = 8  # rows of one batch
UNNOTICED = 1e-3  # of the largest logit


def padding_agreement(answer: Answer, encoded: EncodedRows) -> Agreement:
    """Compare the answers to texts given alone with those given in batches of 8, short and long texts together."""
    rows = spread(encoded, ROWS)
    alone = answer_one_by_one(answer, encoded, rows)
    together = np.empty_like(alone)
    batches = -(-len(rows) // MATES)
    for batch in range(batches):
        members = np.arange(batch, len(rows), batches)  # every batch holds short texts and long ones
        together[members] = answer(encoded.batch(rows[members]))
    return agreement(alone, together)


def padding(found: Agreement, *, place: str) -> Iterator[Finding]:
    """Yield a finding when padding or batch mates move an answer: a warning when they change a label."""
    if found.scaled_difference <= UNNOTICED:
        return
    changed = round((1 - found.top1) * found.rows)
    yield Finding(
        "Q103",
        "warning" if changed else "note",
        f"answers depend on padding and batch mates: in batches of {MATES} the logits move by up to {found.scaled_difference:.1%} "
        f"of the largest (cosine {found.cosine:.4f}) and {changed} of {found.rows} labels change",
        "answer one text at a time without padding, as all figures here were taken, or use method: static-int8",
        place,
    )
