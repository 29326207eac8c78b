"""Prepared images, memory-mapped as grey levels, and batches of them in floats: what `Encoded` is for texts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import numpy as np

from compactor.base.environment import cores_allowed
from compactor.base.errors import DataError, disk_error
from compactor.base.images import ImageError, ImageSettings, normalized, open_image, prepare
from compactor.data.read_images import image_error, read_bytes
from compactor.data.rows import Rows

BLOCK_ROWS = 256
PIXELS, LABELS = "pixels.npy", "labels.npy"


def encode_images(rows: Rows, settings: ImageSettings, folder: Path) -> None:
    """Write the resized and cropped images of a split, in blocks of 256, so that memory does not grow with the rows.

    Grey levels take a quarter of the floats' room and are as exact: floats are made from them by `EncodedImages.batch`.

    Args:
        rows: one split of images.
        settings: of the model.
        folder: made if it is not there. Left in it: `pixels.npy` uint8 (n, 3, height, width) and `labels.npy`.

    Raises:
        DataError: D180 or D181 a file is gone or broken, D184 it is another than when the data was read.
        StageError: the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / PIXELS).open("wb") as stream, ThreadPoolExecutor(cores_allowed()) as pool:
            shape = (len(rows), 3, *settings.size)
            np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
            for start in range(0, len(rows), BLOCK_ROWS):
                stop = min(start + BLOCK_ROWS, len(rows))
                given = zip(rows.places(start, stop), rows.texts(start, stop), strict=True)
                for pixels in pool.map(lambda image: _prepared(image[0], image[1], settings), given):
                    stream.write(pixels.tobytes())
        np.save(folder / LABELS, rows.labels)
    except OSError as error:
        raise disk_error(error, folder) from error


def _prepared(place: str, content: str, settings: ImageSettings) -> np.ndarray:
    data = read_bytes(Path(place))
    if sha256(data).hexdigest() != content:
        raise DataError("D184", f"the image {place} has changed since the data was read", "run the same command again")
    try:
        return prepare(open_image(data), settings)
    except ImageError as error:
        raise image_error(place, error) from error


class EncodedImages:
    """A folder written by `encode_images`.

    Args:
        folder: with pixels and labels.
        settings: that they were prepared by.
    """

    def __init__(self, folder: Path, settings: ImageSettings) -> None:
        self._labels: np.ndarray = np.load(folder / LABELS)
        self._pixels: np.ndarray = np.load(folder / PIXELS, mmap_mode="r" if len(self._labels) else None)
        self._settings = settings

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def labels(self) -> np.ndarray:
        """Labels of all rows as tasks take them."""
        return self._labels

    @property
    def lengths(self) -> np.ndarray:
        """One for each row, int64 (n,): all images are prepared to one size, so that none is longer than another."""
        return np.ones(len(self), dtype=np.int64)

    @property
    def answers(self) -> int:
        """How many answers a model gives to all rows: one a row."""
        return len(self)

    def batch(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Return `pixel_values` float32 (b, 3, height, width), and `labels`."""
        indices = np.asarray(indices)
        return {"pixel_values": normalized(self._pixels[indices], self._settings), "labels": self._labels[indices]}

    def answer_rows(self, indices: np.ndarray) -> np.ndarray:
        """Return which of all answers these rows give: the rows themselves, int64."""
        return np.asarray(indices, dtype=np.int64)

    def gather(self, output: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Return a batch's answers in the order of `answer_rows`: as the model gave them, (b, labels)."""
        del indices
        return output
