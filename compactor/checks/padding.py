"""How much an answer depends on padding and on the texts it shares a batch with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from compactor.base.finding import Finding
from compactor.checks.agreement import Agreement, Same, agreement, same_label
from compactor.checks.answers import Answer, EncodedRows, answer_one_by_one, spread

ROWS = 64
MATES = 8  # rows of one batch
UNNOTICED = 1e-3  # of the largest logit


def padding_agreement(answer: Answer, encoded: EncodedRows, same: Same = same_label) -> Agreement:
    """Compare the answers to texts given alone with those given in batches of 8, short and long texts together."""
    rows = spread(encoded, ROWS)
    batches = -(-len(rows) // MATES)
    # Every batch holds short texts and long ones.
    members = [rows[np.arange(batch, len(rows), batches)] for batch in range(batches)]
    alone = [answer_one_by_one(answer, encoded, each) for each in members]
    together = [answer(encoded.batch(each)) for each in members]
    return agreement(np.concatenate(alone), np.concatenate(together), same)


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
