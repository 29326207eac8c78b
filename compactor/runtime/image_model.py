"""A loaded model that sees: images in, labels out. Files need Pillow; arrays of grey levels do not, if they have the model's size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from compactor.base.errors import CompactorError
from compactor.base.images import ImageError, ImageSettings, as_rgb, normalized, open_image, pillow, prepare
from compactor.runtime.answers import best_label
from compactor.runtime.model import Model

# A path, the bytes of a file, an image of Pillow, or grey levels uint8 (height, width, 3).
Image = Any
ONE = (str, Path, bytes, np.ndarray)


class ImageModel(Model):
    """Images in, labels out; prepared as the model's own processor does, by the code that prepared them for training.

    Images are answered one by one, unless `batch_size` is given: the answers of a dynamically quantized model depend on what else is
    in the batch.
    """

    def __call__(self, images: Any, pairs: Any = None, *, batch_size: int | None = None) -> Any:
        """Answer one image or many.

        Args:
            images: a path, the bytes of a file, an image of Pillow, or grey levels as uint8 (height, width, 3); or a sequence of these.
            pairs: there are none.
            batch_size: answer so many at once.

        Returns:
            `{"label", "score"}`, the score being the probability, 0 to 1; or a list of them for a sequence.

        Raises:
            TypeError: something is no image.
            ValueError: pairs are given.
            CompactorError: T281 a file cannot be read, T280 Pillow is not installed.
        """
        answers = [best_label(row, self.labels) for row in self.logits(images, pairs, batch_size=batch_size)]
        return answers[0] if _is_one(images) else answers

    def logits(self, images: Any, pairs: Any = None, *, batch_size: int | None = None) -> np.ndarray:
        """Return the raw scores, float32 (images, labels); one image gives one row. Arguments and errors as for a call."""
        if pairs is not None:
            raise ValueError("this model sees one image: leave pairs out")
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more, not {batch_size}")
        found = [self._run(dict.fromkeys(self.interface.inputs, batch)) for batch in self._stacked(images, batch_size or 1)]
        return np.concatenate(found) if found else np.zeros((0, self._width()), dtype=np.float32)

    def encode(self, images: Any, pairs: Any = None) -> list[dict[str, np.ndarray]]:  # type: ignore[override]
        """Return what the model is fed, for each image: float32 (3, height, width) by name of the graph's input."""
        del pairs
        (name,) = self.interface.inputs
        return [{name: prepared} for prepared in self._prepared(images)]

    def _stacked(self, images: Any, batch_size: int) -> Iterator[np.ndarray]:
        waiting: list[np.ndarray] = []
        for prepared in self._prepared(images):
            waiting.append(prepared)
            if len(waiting) == batch_size:
                yield np.stack(waiting)
                waiting = []
        if waiting:
            yield np.stack(waiting)

    def _prepared(self, images: Any) -> Iterator[np.ndarray]:
        settings = self.interface.image
        assert settings is not None
        for image in _checked(images):
            yield normalized(_pixels(image, settings), settings)


def _is_one(images: Any) -> bool:
    """Whether something is one image, and no sequence of them; Pillow's images are told by what they can do."""
    if isinstance(images, np.ndarray) and images.ndim == 4:
        return False
    return isinstance(images, ONE) or hasattr(images, "convert")


def _checked(images: Any) -> Sequence[Image]:
    if _is_one(images):
        return [images]
    if isinstance(images, dict) or not hasattr(images, "__iter__"):
        raise TypeError(f"images must be a path, an image or a list of them, not {type(images).__name__}")
    found = list(images)
    for number, image in enumerate(found):
        if not _is_one(image):
            raise TypeError(f"images[{number}] must be a path or an image, not {type(image).__name__}")
    return found


def _pixels(image: Image, settings: ImageSettings) -> np.ndarray:
    """Return grey levels, uint8 (3, height, width), of one image of any kind."""
    try:
        if isinstance(image, np.ndarray):
            return _of_array(image, settings)
        decoded = as_rgb(image) if hasattr(image, "convert") else open_image(image if isinstance(image, bytes) else Path(image))
        return prepare(decoded, settings)
    except ImageError as error:
        name = "the image" if hasattr(image, "convert") or isinstance(image, (bytes, np.ndarray)) else f"the image {image}"
        raise CompactorError("T281", f"{name} cannot be used: {error}", error.hint) from error


def _of_array(levels: np.ndarray, settings: ImageSettings) -> np.ndarray:
    if levels.dtype != np.uint8 or levels.ndim != 3 or levels.shape[2] != 3:
        raise TypeError(f"an array must hold uint8 (height, width, 3), not {levels.dtype} {levels.shape}")
    if levels.shape[:2] == settings.size and settings.crop is None:
        return np.ascontiguousarray(np.moveaxis(levels, -1, 0))
    return prepare(pillow().fromarray(levels), settings)
