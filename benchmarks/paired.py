"""Two recipes of a grid held against each other on the same test rows, over the seeds that both have."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

DRAWS = 4999


def right_rows(run: Path) -> np.ndarray:
    """Return which test rows the last stage of a run answers rightly, bool (rows,)."""
    from compactor.pipeline.answers_table import read_answers

    columns, selected = read_answers(run), json.loads((run / "report.json").read_text())["selected"]
    return np.array(columns["label"]) == np.array(columns[selected])


def held_against(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> dict[str, Any]:
    """Compare two recipes, seed by seed and row by row.

    A row's difference is the mean over the seeds of (ours right) - (theirs right); rows are what is resampled. The interval is that of
    the percentile bootstrap, p that of the two-sided test by random signs (Fisher's permutation test for pairs), both by scipy. They say
    how far the test rows decide between these trainings; how seeds differ is told by `seeds`, the difference of each.

    Args:
        ours: for each seed which rows are right, bool (rows,).
        theirs: the same of the other recipe, in the same order of seeds.

    Returns:
        `difference`, `ci95`, `p` and `seeds`, in shares of the rows.
    """
    first, second = (np.mean(np.asarray(each, dtype=float), axis=0) for each in (ours, theirs))
    rows, random = first - second, np.random.default_rng(0)
    seeds = [float(np.mean(one) - np.mean(other)) for one, other in zip(ours, theirs, strict=True)]
    if not rows.any():
        return {"difference": 0.0, "ci95": [0.0, 0.0], "p": 1.0, "seeds": seeds}
    drawn = stats.bootstrap((rows,), np.mean, n_resamples=DRAWS, method="percentile", batch=100, rng=random)
    test = stats.permutation_test(
        (first, second),
        lambda one, other, axis: np.mean(one - other, axis=axis),
        permutation_type="samples",
        n_resamples=DRAWS,
        batch=100,
        rng=random,
    )
    interval = [float(end) for end in drawn.confidence_interval]
    return {"difference": float(rows.mean()), "ci95": interval, "p": float(test.pvalue), "seeds": seeds}
