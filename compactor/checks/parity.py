"""Does the exported graph answer as the torch model does, in every shape?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from compactor.base.finding import Finding
from compactor.checks.agreement import Agreement
from compactor.checks.answers import Batch, EncodedRows

BATCHES = (1, 2, 5)
LENGTHS = (
    1,
    2,
    17,
)  # besides the longest; 1 and 2 show shapes that were traced as constants, 17 is no multiple of a vector width
TOLERANCE = (
    1e-4  # fp32, of the largest logit; exporters reach 1e-8 to 2e-6, a lost mask or a wrong constant costs 1e-2 and more
)


def shapes(encoded: EncodedRows, *, longest: int, pad_id: int) -> Iterator[Batch]:
    """Yield real rows in batches of 1, 2 and 5 and in lengths 1, 2, 17 and the longest.

    The first row of a batch fills its length (texts are joined until they do), the others keep their own length or half of the
    batch's, whichever is less, and are padded. int64 (batch, length).
    """
    row = 0
    for length in sorted({min(length, longest) for length in (*LENGTHS, longest)}):
        for batch in BATCHES:
            ids = np.full((batch, length), pad_id, dtype=np.int64)
            types, mask = np.zeros_like(ids), np.zeros_like(ids)
            for position in range(batch):
                tokens, kinds, used = _tokens(encoded, row, length)
                own = length if position == 0 else max(1, min(int(encoded.lengths[row]), length // 2))
                ids[position, :own], types[position, :own], mask[position, :own] = tokens[:own], kinds[:own], 1
                row = (row + used) % len(encoded)
            yield {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}


def image_batches(encoded: EncodedRows) -> Iterator[Batch]:
    """Yield real images in batches of 1, 2 and 5, from all over the split; all have one size."""
    for batch in BATCHES:
        yield encoded.batch(np.linspace(0, len(encoded) - 1, batch).astype(np.int64))


def parity(found: Agreement, *, tolerance: float = TOLERANCE, place: str) -> Iterator[Finding]:
    """Yield an error when the largest difference exceeds the tolerance, as a share of the largest logit."""
    if found.scaled_difference > tolerance:
        yield Finding(
            "X110",
            "error",
            f"the exported graph differs from the torch model by {found.scaled_difference:.2g} of the largest logit "
            f"({tolerance:g} is allowed) and agrees on {found.top1:.1%} of {found.rows} answers",
            "try export: {backend: dynamo}; a model with code of its own may not be exportable",
            place,
        )


def _tokens(encoded: EncodedRows, row: int, length: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return `length` token ids and types, from one row or several joined ones, and how many rows that took."""
    ids, types, used, have = [], [], 0, 0
    while have < length:
        batch = encoded.batch(np.array([(row + used) % len(encoded)]))
        ids.append(batch["input_ids"][0])
        types.append(batch["token_type_ids"][0])
        have += max(1, len(ids[-1]))
        used += 1
    return np.concatenate(ids)[:length], np.concatenate(types)[:length], used
