"""The linear model on pixels that every neural model of images must be held against."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from compactor.base.images import ImageSettings, open_image, prepare

if TYPE_CHECKING:
    import numpy as np

    from compactor.data import Rows

EDGE = 16  # images are scaled to so many pixels each way: 768 numbers


def fit_linear_pixels(train: Rows, *, seed: int) -> Callable[[Rows], np.ndarray]:
    """Fit logistic regression on the grey levels of small images; return a function from rows to decision values, float32."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    settings = ImageSettings((EDGE, EDGE), 2, None, None, None, None)

    def pixels(rows: Rows) -> np.ndarray:
        found = np.empty((len(rows), 3 * EDGE * EDGE), dtype=np.float32)
        for number, place in enumerate(rows.places()):
            found[number] = prepare(open_image(Path(place)), settings).ravel()
        return found

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300, random_state=seed))
    model.fit(pixels(train), train.labels)
    known = model[-1].classes_.astype(int)

    def scores(rows: Rows) -> np.ndarray:
        values = model.decision_function(pixels(rows))
        values = np.stack([-values, values], axis=1) if values.ndim == 1 else values
        full = np.full((len(rows), int(max(known.max(), train.labels.max())) + 1), values.min() - 1.0, dtype=np.float32)
        full[:, known] = values
        return full

    return scores
