"""What a graph is given: example inputs to trace it with, probes to simplify it with, and what an app is told of its inputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import torch

from compactor.exporting.simplify import simplify, simplify_images
from compactor.exporting.trace import Axes
from compactor.exporting.wrapper import PIXELS, sample_inputs
from compactor.models import tokenizer
from compactor.models.reading import image_settings, processor_settings, reads_images

TEXT_AXES = ("batch", "sequence")
IMAGE_AXES = ("batch", "channels", "height", "width")
SAMPLE_IMAGES = 2


@dataclass(frozen=True)
class Texts:
    """Token ids and what goes with them: int64 (batch, sequence), both free.

    Attributes:
        names: of the inputs.
        vocabulary: number of token ids.
        pad_id: the id in padded places.
        longest: most tokens of a text.
        pair: every text has a second one.
    """

    names: tuple[str, ...]
    vocabulary: int
    pad_id: int
    longest: int
    pair: bool

    @property
    def axes(self) -> Axes:
        """Axis names by input."""
        return dict.fromkeys(self.names, TEXT_AXES)

    def sample(self) -> dict[str, torch.Tensor]:
        """Return two rows to trace with."""
        return sample_inputs(self.names, vocabulary=self.vocabulary, pad_id=self.pad_id)

    def simplify(self, model: onnx.ModelProto, *, every_row: bool = False) -> dict[str, int]:
        """Simplify the graph, see `compactor.exporting.simplify`."""
        return simplify(model, vocabulary=self.vocabulary, pad_id=self.pad_id, longest=self.longest, every_row=every_row)

    def told(self) -> dict[str, Any]:
        """Return what interface.json says of the inputs."""
        inputs = {name: {"dtype": "int64", "axes": list(TEXT_AXES)} for name in self.names}
        return {"inputs": inputs, "max_length": self.longest, "pad_id": self.pad_id, "pair": self.pair}


@dataclass(frozen=True)
class Images:
    """Prepared images: float32 (batch, 3, height, width), of which the batch alone is free.

    Attributes:
        size: (height, width).
        processor: content of preprocessor_config.json.
    """

    size: tuple[int, int]
    processor: dict[str, Any]

    @property
    def axes(self) -> Axes:
        """Axis names by input."""
        return {PIXELS: IMAGE_AXES}

    def sample(self) -> dict[str, torch.Tensor]:
        """Return two images to trace with."""
        return {
            PIXELS: torch.linspace(-1, 1, SAMPLE_IMAGES * 3 * self.size[0] * self.size[1]).reshape(SAMPLE_IMAGES, 3, *self.size)
        }

    def simplify(self, model: onnx.ModelProto, *, every_row: bool = False) -> dict[str, int]:
        """Simplify the graph, see `compactor.exporting.simplify`."""
        return simplify_images(model, size=self.size, every_row=every_row)

    def told(self) -> dict[str, Any]:
        """Return what interface.json says of the inputs; lengths and padding are of texts."""
        inputs = {PIXELS: {"dtype": "float32", "axes": list(IMAGE_AXES)}}
        return {"inputs": inputs, "max_length": None, "pad_id": None, "pair": False, "image": self.processor}


def given_to(source: Path, config: Any, names: tuple[str, ...], *, pair: bool) -> Texts | Images:
    """Return what a model is given.

    Args:
        source: its folder, with tokenizer or image processor.
        config: of the model.
        names: of the inputs, from `wrap`.
        pair: rows have a second sentence.
    """
    if reads_images(source):
        return Images(image_settings(source).size, processor_settings(source))
    return Texts(names, config.vocab_size, tokenizer.pad_id(source), tokenizer.max_length(source), pair)
