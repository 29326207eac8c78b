"""How well each early exit answers the validation rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from compactor.models.feeding import feed
from compactor.stages._inputs import encoded

if TYPE_CHECKING:
    from compactor.distillation.regimes.exits import Exits
    from compactor.stages._contract import Work

BATCH_SIZE = 32


def exit_values(model: Any, exits: Exits, work: Work) -> dict[str, float]:
    """Return the task's main figure of each exit on the validation rows, by layer (from 1)."""
    rows = encoded(work, work.folder, "validation")
    order = np.argsort(rows.lengths, kind="stable")
    answers = {layer: np.empty((len(rows), exits.classes), dtype=np.float32) for layer in exits.layers}
    model.eval()
    exits.to("cpu").begin(model)
    with torch.inference_mode():
        for start in range(0, len(order), BATCH_SIZE):
            chosen = order[start : start + BATCH_SIZE]
            model(**feed(model, rows.batch(chosen)))
            for layer, logits in exits.answers().items():
                answers[layer][chosen] = logits.numpy()
    exits.finish(model)
    quality = {
        layer: work.task.quality(given, rows.labels, split="validation", seed=work.seed, names=work.data.labels)
        for layer, given in answers.items()
    }
    return {str(layer): found.value for layer, found in quality.items()}
