"""Which labels a small model forgets: accuracy that is kept in the mean may be lost on a few.

Source: Hooker et al. 2019, What do compressed deep neural networks forget? (arXiv:1911.05248).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from compactor.pipeline.record import Row


def by_label(teacher: Row, packaged: Row, labels: np.ndarray, names: tuple[str, ...], kind: str) -> list[dict[str, Any]]:
    """Return for each label that occurs how often both models are right; nothing for tasks with other than one label a row.

    Args:
        teacher: its `answers` are logits (rows, labels).
        packaged: the same.
        labels: int64 (rows,); a negative one is a row without a label.
        names: of the labels in id order.
        kind: the task's `label_kind`.

    Returns:
        `label`, `rows`, how many of them `teacher` and `packaged` answer rightly, how many are `lost` (the teacher right, the packaged
        model wrong) and `gained`, and `p`, McNemar's, that both are equally good on this label.
    """
    from compactor.tasks.metrics import mcnemar

    if kind != "class" or teacher.answers is None or packaged.answers is None:
        return []
    before, after = (row.argmax(axis=1) == labels for row in (teacher.answers, packaged.answers))
    found = []
    for number, name in enumerate(names):
        rows = labels == number
        if not rows.any():
            continue
        one, other = before[rows], after[rows]
        found.append(
            {
                "label": name,
                "rows": int(rows.sum()),
                "teacher": int(one.sum()),
                "packaged": int(other.sum()),
                "lost": int((one & ~other).sum()),
                "gained": int((~one & other).sum()),
                "p": mcnemar(one, other),
            }
        )
    return found
