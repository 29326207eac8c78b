"""What a model folder turns rows into inputs with: its tokenizer, or, of a model that sees, the settings of its image processor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compactor.base.atomic import read_json, write_json
from compactor.base.errors import StageError
from compactor.base.hashing import hash_file, hash_value
from compactor.base.images import ImageSettings
from compactor.models.tokenizer import copy_tokenizer

PROCESSOR = "preprocessor_config.json"
LEFT_OUT = frozenset(("auto_map", "name_or_path", "_name_or_path", "processor_class", "device"))


def reads_images(folder: Path) -> bool:
    """Whether a model folder has an image processor and no tokenizer."""
    return (folder / PROCESSOR).is_file() and not (folder / "tokenizer.json").is_file()


def processor_settings(folder: Path) -> dict[str, Any]:
    """Return the content of a folder's preprocessor_config.json.

    Raises:
        StageError: L183 there is none.
    """
    if not (folder / PROCESSOR).is_file():
        hint = "copy it from the checkpoint that the model came from"
        raise StageError("L183", f"{folder} has no {PROCESSOR}, which says how images are prepared", hint)
    told: dict[str, Any] = read_json(folder / PROCESSOR)
    return {name: value for name, value in told.items() if name not in LEFT_OUT}


def image_settings(folder: Path) -> ImageSettings:
    """Return how a model folder wants its images.

    Raises:
        StageError: L183 it does not say, L184 it wants something that is not known here.
    """
    try:
        return ImageSettings.read(processor_settings(folder))
    except (ValueError, TypeError) as error:
        hint = "height and width in size, or crop_size, and the steps resize, center_crop, rescale and normalize are known"
        raise StageError("L184", f"{folder / PROCESSOR} cannot be followed: {error}", hint) from error


def check_images(config: Any, folder: Path) -> None:
    """Refuse a model whose images are not those that its processor prepares.

    Raises:
        StageError: L183 or L184, L185 another size, L186 another number of channels, L187 two heads.
    """
    if any(name.endswith("WithTeacher") for name in getattr(config, "architectures", None) or ()):
        sentence = f"{folder} is a {config.architectures[0]}: it has a second head, which learned from a teacher"
        raise StageError("L187", sentence, "use its plain form, such as DeiTForImageClassification")
    size = getattr(config, "image_size", None)
    wanted = (size, size) if isinstance(size, int) else tuple(size or ())
    found = image_settings(folder).size
    if wanted and wanted != found:
        sentence = f"{folder} sees images of {wanted[0]} x {wanted[1]}, and its {PROCESSOR} prepares {found[0]} x {found[1]}"
        raise StageError("L185", sentence, "correct size or crop_size there")
    channels = getattr(config, "num_channels", 3)
    if channels != 3:
        raise StageError("L186", f"{folder} sees {channels} channels, and images are given three", "use a model of RGB images")


def write_processor(folder: Path, told: dict[str, Any]) -> None:
    """Write preprocessor_config.json."""
    write_json(folder / PROCESSOR, told)


def copy_reader(source: Path, folder: Path, *, length: int | None = None) -> None:
    """Write the tokenizer files, or the image processor's settings, of a model folder into another.

    Args:
        source: a model folder.
        folder: an existing folder.
        length: of texts, see `copy_tokenizer`.
    """
    if reads_images(source):
        write_processor(folder, processor_settings(source))
    else:
        copy_tokenizer(source, folder, length=length)


def reader_hash(folder: Path) -> str:
    """Return the hash of what decides how rows become inputs."""
    if reads_images(folder):
        return hash_value(processor_settings(folder))
    path = folder / "tokenizer.json"
    if path.is_file():
        return hash_file(path)
    return hash_value(
        {name.name: hash_file(name) for name in sorted(folder.glob("*")) if name.suffix in {".json", ".txt", ".model"}}
    )
