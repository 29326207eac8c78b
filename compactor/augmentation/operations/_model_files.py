"""A model that an operation names: a folder that is here, or an id of the hub."""

from __future__ import annotations

import re
from pathlib import Path

from compactor.base.errors import StageError
from compactor.models.finding import local_model

HUB_MODEL = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def find_folder(name: str, near: tuple[Path, ...]) -> tuple[Path | None, str]:
    """Return (folder, why it cannot be had): the folder is None for an id of the hub, the reason is empty when all is well."""
    try:
        folder = local_model(name, near)
    except StageError as error:
        return None, error.problem.sentence
    first, slash, _ = name.partition("/")
    path_here = bool(slash) and any((place / first).is_dir() for place in near)
    if folder is None and (path_here or HUB_MODEL.fullmatch(name) is None):
        return None, f"there is no folder {name}; looked in {', '.join(str(place) for place in near)}"
    return folder, ""
