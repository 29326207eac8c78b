"""The self-test of a bundle that sees: awkward images and some of the user's own, as PNG files whose pixels are the same everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.images import open_image, pillow, step

if TYPE_CHECKING:
    from compactor.runtime.image_model import ImageModel

FOLDER = "golden"
LONGEST_EDGE = 256  # of a user's own image: what is kept is for a test, and travels with the model
SAMPLED = 16  # values of a prepared image that are kept, from all over it
TURNED = 0x0112, 6  # EXIF orientation: to be shown rotated by 90 degrees
HEIGHT, WIDTH = 24, 40


def write_images(folder: Path, own: Sequence[Path]) -> list[str]:
    """Write the images of the self-test into `golden/`; return their names below the bundle.

    Args:
        folder: the bundle.
        own: image files of the user's, kept without loss and scaled down to 256 pixels.
    """
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    names = []
    for name, image, options in _awkward():
        names.append(f"{FOLDER}/{name}.png")
        image.save(folder / names[-1], **options)
    for number, path in enumerate(own):
        names.append(f"{FOLDER}/own-{number:03}.png")
        image = open_image(path)
        image.thumbnail((LONGEST_EDGE, LONGEST_EDGE))
        image.save(folder / names[-1])
    return names


def _awkward() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield (name, image, options of saving): kinds of pixels, and shapes, that are easily read wrongly."""
    image = pillow()
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    slope = np.stack([rows * 255 // (HEIGHT - 1), columns * 255 // (WIDTH - 1), (rows + columns) % 256], axis=-1).astype(
        np.uint8
    )
    colours = image.fromarray(slope)
    exif = image.Exif()
    exif[TURNED[0]] = TURNED[1]
    yield "slopes", colours, {}
    yield "turned", colours, {"exif": exif}
    yield "grey", colours.convert("L"), {}
    yield "palette", colours.quantize(16), {}
    yield "clear", image.fromarray(np.dstack([slope, (columns * 6).astype(np.uint8)])), {}
    yield "sixteen-bits", image.fromarray((rows * 2000 + columns * 400).astype(np.uint16)), {}
    yield "one-pixel", image.new("RGB", (1, 1), (200, 30, 90)), {}
    yield "tall", colours.resize((3, 200)), {}
    yield "wide", colours.resize((300, 2)), {}
    yield "black", image.new("RGB", (64, 64)), {}
    yield "white", image.new("RGB", (64, 64), (255, 255, 255)), {}


def told_inputs(model: ImageModel, path: Path) -> dict[str, Any]:
    """Return what golden.json keeps of a prepared image: its mean, and values from all over it."""
    (values,) = model.encode(path)[0].values()
    flat = values.ravel()
    places = np.linspace(0, flat.size - 1, min(SAMPLED, flat.size)).astype(np.int64)
    return {
        "shape": list(values.shape),
        "mean": float(flat.mean(dtype=np.float64)),
        "values": flat[places].astype(float).tolist(),
    }


def same_inputs(model: ImageModel, path: Path, wanted: dict[str, Any]) -> bool:
    """Whether an image is prepared as it was when the bundle was built, to within one grey level: decoders and filters round."""
    settings = model.interface.image
    assert settings is not None
    found, allowed = told_inputs(model, path), step(settings) * 1.001
    near = np.allclose([found["mean"], *found["values"]], [wanted["mean"], *wanted["values"]], rtol=0, atol=allowed)
    return bool(found["shape"] == wanted["shape"] and near)
