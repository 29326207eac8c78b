"""A set of images in every toolchain: 1,797 handwritten digits, 8 x 8 grey levels, that scikit-learn ships.

They are the test digits of Alpaydin and Kaynak 1998, "Optical Recognition of Handwritten Digits" (UCI), scanned from forms of 13 people.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from compactor.base.atomic import fresh_folder
from compactor.base.errors import MissingError
from compactor.base.hashing import hash_file, hash_value
from compactor.base.reporter import Reporter
from compactor.data.source import Source

VERSION = 1  # bumped when the same file would give another set
TEST_SHARE = 0.2
BRIGHTEST = 16  # of the file's grey levels


def fingerprint_digits() -> str:
    """Return what identifies the set without reading it: the hash of scikit-learn's file."""
    return hash_value({"version": VERSION, "digits": hash_file(_file())})


def open_digits(cache: Path, reporter: Reporter) -> dict[str, Source]:
    """Return the set as folders of PNG files, by role; written into the cache at first use.

    A fifth of each digit is the test split, chosen by the images' hashes and so the same whatever the seed.

    Raises:
        MissingError: D120 scikit-learn, T280 Pillow is not installed.
    """
    folder = cache / f"digits-{fingerprint_digits()[:24]}"
    if not folder.is_dir():
        reporter.say("writing scikit-learn's handwritten digits as images")
        with fresh_folder(folder) as scratch:
            _write(scratch)
    return {role: Source("builtin:digits", role, "images", folder / role) for role in ("train", "test")}


def _write(folder: Path) -> None:
    from sklearn.datasets import load_digits

    from compactor.base.images import pillow

    found = load_digits()
    levels = np.round(found.images * (255 / BRIGHTEST)).astype(np.uint8)
    labels = found.target.astype(np.int64)
    test = _test_fifth(levels, labels)
    for number, (image, label) in enumerate(zip(levels, labels, strict=True)):
        place = folder / ("test" if test[number] else "train") / str(label)
        place.mkdir(parents=True, exist_ok=True)
        pillow().fromarray(image).save(place / f"{number:04}.png")


def _test_fifth(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    ranks = np.array([int.from_bytes(hashlib.sha256(image.tobytes()).digest()[:8]) for image in images], dtype=np.uint64)
    chosen = np.zeros(len(images), dtype=bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        chosen[members[np.argsort(ranks[members], kind="stable")][: round(len(members) * TEST_SHARE)]] = True
    return chosen


def _file() -> Path:
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise MissingError(
            "D120", "data.source: builtin:digits needs the package scikit-learn", 'pip install "compactor[toolchain]"'
        )
    return Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
