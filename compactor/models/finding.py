"""Where a named model is: a folder beside the profile, or a snapshot of the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compactor.base.atomic import read_json
from compactor.base.errors import MissingError, StageError
from compactor.base.hashing import hash_file, hash_value
from compactor.base.paths import under

# No pickles, no other frameworks, no ONNX: weights as safetensors, the rest as text.
HUB_PATTERNS = ["*.safetensors", "*.json", "*.txt", "*.model"]
CHECKPOINT_FILES = {".safetensors", ".json", ".txt", ".model", ".py"}
# Of sentence encoders what comes after the encoder lies in folders of its own, `1_Pooling` and `2_Dense`; all other folders are left out.
HUB_IGNORED = ["[!0-9]*/*", "[0-9][!_]*/*", "*/*/*"]
MODULES, MODULE_FOLDERS, MODULE_FILES = "modules.json", "[0-9]_*", {".safetensors", ".json"}


def find_model(name: str, near: tuple[Path, ...], online: bool) -> Path:
    """Return the folder of a model: one beside the profile, or a snapshot in the hub's own cache.

    Args:
        name: a path (absolute, or relative to one of `near`), or a hub id such as `org/name`.
        near: folders to look in, first match wins.
        online: the network may be used.

    Raises:
        StageError: L101 the path is a file.
        MissingError: L130 there is no such folder, and no hub id that can be had.
    """
    folder = local_model(name, near)
    if folder is not None:
        return folder
    check_online(name, near, online=online)
    return download(name)


def local_model(name: str, near: tuple[Path, ...]) -> Path | None:
    """Return the folder of this name in the near folders; None when there is none, so that the name may be a hub id."""
    for folder in near or (Path(),):
        place = under(folder, name)
        if place.is_dir():
            return place
        if place.is_file():
            raise StageError("L101", f"{place} is a file", "give the folder that holds config.json and model.safetensors")
    return None


def local_config(name: str, near: tuple[Path, ...]) -> dict[str, Any]:
    """Return a local model's config.json without loading anything; empty for a hub id, or where it cannot be read.

    A wrong folder is told by who looks for models.
    """
    try:
        folder = local_model(name, near)
        config = read_json(folder / "config.json") if folder is not None else {}
    except (StageError, OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def model_fingerprint(name: str, near: tuple[Path, ...]) -> dict[str, str]:
    """Return what a named model is, for a cache key: the content hash of a local checkpoint, or the hub id.

    The modules of a sentence encoder belong to it: with another pooling it gives other vectors.
    """
    folder = local_model(name, near)
    if folder is None:
        return {"hub": name}
    files = [path for path in folder.iterdir() if path.is_file() and path.suffix in CHECKPOINT_FILES]
    if (folder / MODULES).is_file():
        files += [path for path in folder.glob(f"{MODULE_FOLDERS}/*") if path.is_file() and path.suffix in MODULE_FILES]
    return {"model": hash_value({path.relative_to(folder).as_posix(): hash_file(path) for path in sorted(files)})}


def check_online(name: str, near: tuple[Path, ...], *, online: bool) -> None:
    """Raise L130 unless the network may be used."""
    if not online:
        looked = ", ".join(str(folder) for folder in near) or "no folder"
        hint = "check the path; if it is a hub id, allow the network with --online"
        raise MissingError("L130", f"there is no model folder {name} (looked in {looked})", hint)


def download(name: str, folder: Path | None = None) -> Path:
    """Fetch a hub model's safetensors, JSON and text files, into `folder` or the hub's own cache; return where they are."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingError("L131", "the package huggingface_hub is not installed", "pip install huggingface_hub") from error
    try:
        return Path(snapshot_download(name, allow_patterns=HUB_PATTERNS, ignore_patterns=HUB_IGNORED, local_dir=folder))
    except Exception as error:  # the hub client raises its own kinds, httpx's and OSError
        text = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise MissingError(
            "L130", f"the model {name} cannot be fetched from the hub: {text}", "check the name and the network"
        ) from error
