"""How an image becomes what a model reads: decoded, turned upright, resized, cropped, scaled and normalized.

Pillow and numpy alone, by the settings of the model's own preprocessor_config.json, so that training and an app on a board see the same
numbers. The numbers are those of transformers' Pillow processors, to the bit.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.errors import MissingError

if TYPE_CHECKING:
    from PIL import Image

# Pillow's own bound, a quarter of a gigabyte in RGB: what claims to be larger is a mistake or an attack.
LARGEST_PIXELS = 89_478_485
BILINEAR, BICUBIC = 2, 3
FILTERS = range(6)  # Pillow's: nearest, Lanczos, bilinear, bicubic, box, Hamming
# Steps that are done here; any other `do_...` would be left out in silence, and is refused.
KNOWN_STEPS = frozenset(("do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb"))
CHANGES_PIXELS = ("crop_pct", "rescale_offset")
BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, OverflowError, TypeError, IndexError, KeyError)
SIXTEEN_BITS = ("I", "I;16", "I;16L", "I;16B", "I;16N")


class ImageError(ValueError):
    """What is wrong with an image, as a sentence without its name; `hint` says what to do."""

    def __init__(self, sentence: str, hint: str = "save it again as PNG or JPEG, or leave it out") -> None:
        super().__init__(sentence)
        self.hint = hint


@dataclass(frozen=True)
class ImageSettings:
    """What preprocessor_config.json asks for.

    Attributes:
        resize: (height, width); the length of the shorter edge; or None to leave the size alone.
        resample: Pillow's number of the filter.
        crop: (height, width) cut from the middle, zeros around what is smaller; None for no cut.
        scale: factor of the grey levels 0 to 255; None leaves them.
        mean, std: of the three channels, subtracted and divided by; None for neither.
    """

    resize: tuple[int, int] | int | None
    resample: int
    crop: tuple[int, int] | None
    scale: float | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of every prepared image."""
        found = self.crop or self.resize
        assert isinstance(found, tuple)
        return found

    @property
    def geometry(self) -> dict[str, Any]:
        """What decides the grey levels of a prepared image; scale, mean and spread only say what floats are made of them."""
        return {"resize": self.resize, "resample": self.resample, "crop": self.crop}

    @classmethod
    def read(cls, told: dict[str, Any]) -> ImageSettings:
        """Read the content of preprocessor_config.json; what it does not say is as transformers' ViT and DeiT processors have it.

        Raises:
            ValueError: a step that is not known here, or images that would not all have one size.
        """
        kind = str(told.get("image_processor_type") or told.get("feature_extractor_type") or "")
        deit = kind.startswith("DeiT")
        strange = [name for name, wanted in told.items() if name.startswith("do_") and name not in KNOWN_STEPS and wanted]
        strange += [name for name in CHANGES_PIXELS if told.get(name)]
        if strange:
            raise ValueError(f"the step {strange[0]} is not known")
        resample = told.get("resample")
        default = {"height": 256, "width": 256} if deit else {"height": 224, "width": 224}
        settings = cls(
            resize=_size(told.get("size", default), "size") if told.get("do_resize", True) else None,
            resample=(BICUBIC if deit else BILINEAR) if resample is None else int(resample),
            crop=_pair(_size(told.get("crop_size", 224), "crop_size")) if told.get("do_center_crop", deit) else None,
            scale=float(told.get("rescale_factor", 1 / 255)) if told.get("do_rescale", True) else None,
            mean=_channels(told, "image_mean") if told.get("do_normalize", True) else None,
            std=_channels(told, "image_std") if told.get("do_normalize", True) else None,
        )
        if settings.resample not in FILTERS:
            raise ValueError(f"resample {resample} is none of Pillow's filters")
        if not isinstance(settings.crop or settings.resize, tuple):
            raise ValueError("neither size (height, width) nor a crop gives all images one size")  # noqa: TRY004
        return settings


def open_image(source: Path | bytes) -> Image.Image:
    """Decode an image file: RGB, upright.

    Raises:
        ImageError: it cannot be read to its end, or has too many pixels.
        MissingError: Pillow is not installed.
    """
    library = pillow()
    try:
        with library.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            if image.width * image.height > LARGEST_PIXELS:
                raise _too_large(f"{image.width} x {image.height} pixels")
            image.load()
            return as_rgb(image)
    except library.DecompressionBombError as error:
        raise _too_large("many more pixels than any photograph") from error
    except ImageError:
        raise
    except FileNotFoundError as error:
        raise ImageError("there is no such file", "check its path") from error
    except BROKEN as error:
        if isinstance(error, library.UnidentifiedImageError):
            raise ImageError("it is no image of a known format") from error
        raise ImageError(
            f"it cannot be decoded ({str(error).strip().partition(chr(10))[0] or type(error).__name__})"
        ) from error


def as_rgb(image: Image.Image) -> Image.Image:
    """Return a decoded image upright, by its EXIF orientation, and in RGB.

    Grey levels of 16 bits are brought to 8; of what is transparent the colour counts and not the opacity, as in transformers' and
    torchvision's loaders.

    Raises:
        ImageError: its values are fractions of unknown range.
    """
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode in SIXTEEN_BITS:
        levels = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        grey: Image.Image = pillow().fromarray(((levels + 128) // 257).astype(np.uint8))
        return grey.convert("RGB")
    if image.mode == "F":
        raise ImageError("its values are fractions, whose range is not known")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image if image.mode == "RGB" else image.convert("RGB")


def prepare(image: Image.Image, settings: ImageSettings) -> np.ndarray:
    """Return the grey levels of an RGB image after resizing and cropping: uint8 (3, height, width)."""
    if settings.resize is not None:
        height, width = _target(image, settings.resize)
        # Pillow hands back a copy when nothing changes.
        image = image.resize((width, height), resample=settings.resample)
    pixels = np.moveaxis(np.asarray(image, dtype=np.uint8), -1, 0)
    return np.ascontiguousarray(pixels if settings.crop is None else _cropped(pixels, settings.crop))


def normalized(pixels: np.ndarray, settings: ImageSettings) -> np.ndarray:
    """Return what the model reads: float32 (..., 3, height, width) from grey levels uint8 of the same shape.

    There are 256 levels and three channels, so that each value is looked up and not computed.
    """
    levels = np.tile(np.arange(256, dtype=np.float64), (3, 1))
    table = (levels if settings.scale is None else levels * settings.scale).astype(np.float32)
    if settings.mean is not None and settings.std is not None:
        mean, std = (np.asarray(each, dtype=np.float32)[:, None] for each in (settings.mean, settings.std))
        table = (table - mean) / std
    found = np.empty(pixels.shape, dtype=np.float32)
    for channel in range(3):
        found[..., channel, :, :] = table[channel][pixels[..., channel, :, :]]
    return found


def step(settings: ImageSettings) -> float:
    """Return how far two neighbouring grey levels lie apart in what the model reads; the widest of the three channels."""
    return float((1.0 if settings.scale is None else settings.scale) / min(settings.std or (1.0,)))


def _target(image: Image.Image, wanted: tuple[int, int] | int) -> tuple[int, int]:
    """Return (height, width) to resize to."""
    if isinstance(wanted, tuple):
        return wanted
    long = int(wanted * max(image.size) / min(image.size))
    return (long, wanted) if image.width <= image.height else (wanted, long)


def _cropped(pixels: np.ndarray, wanted: tuple[int, int]) -> np.ndarray:
    """Return the middle (3, height, width), with zeros around what is smaller."""
    before = [max(0, -((have - want) // 2)) for have, want in zip(pixels.shape[1:], wanted, strict=True)]
    spare = [max(0, want - have - pad) for have, want, pad in zip(pixels.shape[1:], wanted, before, strict=True)]
    padded = np.pad(pixels, ((0, 0), (before[0], spare[0]), (before[1], spare[1])))
    top, left = (max(0, (have - want) // 2) for have, want in zip(pixels.shape[1:], wanted, strict=True))
    return padded[:, top : top + wanted[0], left : left + wanted[1]]


def _size(told: Any, name: str) -> tuple[int, int] | int:
    """Read a size as transformers writes it: {height, width}, {shortest_edge}, or, in older files, the edge of a square."""
    if isinstance(told, int):
        return told, told
    if isinstance(told, dict) and told.get("height") and told.get("width"):
        return int(told["height"]), int(told["width"])
    if isinstance(told, dict) and told.get("shortest_edge") and not told.get("longest_edge"):
        return int(told["shortest_edge"])
    raise ValueError(f"{name} {told} is neither height and width nor shortest_edge")


def _pair(size: tuple[int, int] | int) -> tuple[int, int]:
    if isinstance(size, int):
        raise ValueError("crop_size is neither a number nor height and width")  # noqa: TRY004 - a file's content, no caller's type
    return size


def _channels(told: dict[str, Any], name: str) -> tuple[float, ...]:
    given = told.get(name, 0.5)
    values = tuple(float(value) for value in (given if isinstance(given, (list, tuple)) else [given] * 3))
    if len(values) != 3:
        raise ValueError(f"{name} has {len(values)} values, and an image three channels")
    return values


def _too_large(what: str) -> ImageError:
    return ImageError(f"it has {what}; {LARGEST_PIXELS:,} pixels are allowed", "scale it down")


def pillow() -> Any:
    """Return Pillow's module of images.

    Raises:
        MissingError: T280 it is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingError(
            "T280", "images need the package Pillow, which is not installed", 'pip install "compactor[image]"'
        ) from error
    return Image
