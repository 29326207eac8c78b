"""Where a named model is: a folder beside the profile, or a snapshot of the hub."""

from __future__ import annotations

from pathlib import Path

from compactor.base.errors import MissingError, StageError

# No pickles, no other frameworks, no ONNX: weights as safetensors, the rest as text.
HUB_PATTERNS = ["*.safetensors", "*.json", "*.txt", "*.model"]
HUB_IGNORED = ["onnx/*", "openvino/*", "*/*"]


def find_model(name: str, near: tuple[Path, ...], online: bool) -> Path:
    """Return the folder of a model.

    Args:
        name: a path (absolute, or relative to one of `near`), or a hub id such as `org/name`.
        near: folders to look in, first match wins.
        online: the network may be used; without it a hub id is found only in the hub's own cache.

    Raises:
        StageError: L101 the path is a file.
        MissingError: L130 neither a folder nor a hub id that can be had.
    """
    for folder in near:
        if (folder / name).is_dir():
            return folder / name
        if (folder / name).is_file():
            raise StageError("L101", f"{folder / name} is a file", "give the folder that holds config.json and model.safetensors")
    if not online:
        looked = ", ".join(str(folder) for folder in near)
        raise MissingError("L130", f"there is no model folder {name} (looked in {looked})", "check the path; a hub id needs --online")
    return download(name)


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
        raise MissingError("L130", f"the model {name} cannot be fetched from the hub: {text}", "check the name and the network") from error
