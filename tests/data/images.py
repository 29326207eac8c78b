"""Small image files of two kinds that a model can tell apart: bright above, or bright below."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 12


def write_folder(folder: Path, count: int = 12, *, seed: int = 0, kinds: tuple[str, ...] = ("above", "below")) -> Path:
    """Write `count` PNG files of each kind, one folder a kind."""
    dice = np.random.default_rng(seed)
    for kind in kinds:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = dice.integers(0, 90, (SIDE, SIDE, 3))
            half = slice(0, SIDE // 2) if kind == "above" else slice(SIDE // 2, SIDE)
            pixels[half] += 150
            Image.fromarray(pixels.astype(np.uint8)).save(folder / kind / f"{number:03}.png")
    return folder
