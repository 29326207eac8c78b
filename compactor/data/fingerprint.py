"""What identifies the data of a profile, told from the files' bytes; of a table of images, from theirs too."""

from __future__ import annotations

from pathlib import Path

from compactor.base.hashing import hash_value
from compactor.data.image_folder import hash_image
from compactor.data.settings import DIGITS, DataSettings
from compactor.data.source import Source, find_source


def find_sources(settings: DataSettings, near: tuple[Path, ...]) -> dict[str, Source]:
    """Return the sources that the settings name, by role; empty for a builtin set."""
    names = {"train": settings.train, "test": settings.test}
    if isinstance(settings.validation, str):
        names["validation"] = settings.validation
    return {role: find_source(name, role, near) for role, name in names.items() if name is not None}


def fingerprint_data(settings: DataSettings, *, near: tuple[Path, ...]) -> str:
    """Return the hash of the content that the settings name: same bytes, same hash, wherever the files lie.

    A builtin set is told by the Python version and the sizes of the files it is made of; a hub dataset by its id alone.

    Raises:
        DataError: a file is not there, see `find_source`.
    """
    if settings.source == DIGITS:
        from compactor.data.digits import fingerprint_digits

        return fingerprint_digits()
    if settings.source is not None:
        from compactor.data.docstrings import fingerprint_library

        return fingerprint_library()
    return hash_value(
        {role: fingerprint_source(source, settings.image, near) for role, source in find_sources(settings, near).items()}
    )


def fingerprint_source(source: Source, image: str | None, near: tuple[Path, ...]) -> str:
    """Return the hash of a source's content; of a table with a column of paths, also of the images there.

    Raises:
        DataError: D180 an image is not there.
    """
    if image is None or source.kind in {"images", "hub"}:
        return source.fingerprint
    from compactor.data.read_images import paths_of

    return hash_value({"table": source.fingerprint, "images": [hash_image(path) for path in paths_of(source, image, near)]})
