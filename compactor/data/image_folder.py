"""A folder of images, one folder a label inside it, as torchvision's ImageFolder and the hub's `imagefolder` have it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from compactor.base.errors import DataError
from compactor.base.hashing import hash_file, hash_value

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"))
# What file managers leave behind.
LITTER = frozenset(("Thumbs.db", "desktop.ini"))
SPLITS = frozenset(("train", "test", "val", "valid", "validation", "dev"))


def is_image_folder(folder: Path) -> bool:
    """Whether some folder inside holds an image."""
    return any(
        file.suffix.lower() in SUFFIXES for inner in sorted(folder.iterdir()) if inner.is_dir() for file in inner.rglob("*")
    )


def labelled_images(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Yield (label, path) of every image, labels and paths in sorted order; files beside the label folders are not looked at.

    Args:
        folder: with a folder for each label.
        name: as the profile names it, for messages.

    Raises:
        DataError: D183 the folders inside are splits and not labels, D185 a file is no image by its name.
    """
    inner = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if {path.name.lower() for path in inner} <= SPLITS:
        first = inner[0].name if inner else "train"
        raise DataError("D183", f"{name} holds splits, not labels", f"name a folder for each split, such as {name}/{first}")
    for label in inner:
        for path in sorted(path for path in label.rglob("*") if path.is_file()):
            if path.name.startswith(".") or path.name in LITTER:
                continue
            if path.suffix.lower() not in SUFFIXES:
                known = ", ".join(sorted(SUFFIXES))
                raise DataError("D185", f"{path} is no image by its name", f"move it away; images end in {known}")
            yield label.name, path


def fingerprint_images(folder: Path, name: str) -> str:
    """Return the hash of labels and contents, so that the folder may move."""
    return hash_value(
        [(label, path.relative_to(folder).as_posix(), hash_image(path)) for label, path in labelled_images(folder, name)]
    )


def hash_image(path: Path) -> str:
    """Return the sha256 of a file, read once per process as long as it does not change.

    Raises:
        DataError: D180 there is no such file, or it cannot be read.
    """
    try:
        state = path.stat()
        return _hash_once(path, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise missing_image(path, error) from error


def missing_image(path: Path, error: OSError) -> DataError:
    """Say that a file is not there or cannot be read."""
    return DataError("D180", f"the image {path} cannot be read: {error.strerror or error}", "correct its path, or drop the row")


@cache
def _hash_once(path: Path, size_bytes: int, modified_ns: int) -> str:
    del size_bytes, modified_ns
    return hash_file(path)
