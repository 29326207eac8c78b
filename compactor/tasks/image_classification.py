"""Image classification: one label for an image."""

from __future__ import annotations

from typing import ClassVar

from compactor.tasks._contract import InputKind
from compactor.tasks.text_classification import TextClassification


class ImageClassification(TextClassification):
    """Logits over label names; the answer is the highest, scored as for texts."""

    name: ClassVar[str] = "image-classification"
    model_class: ClassVar[str] = "AutoModelForImageClassification"
    pipeline_tag: ClassVar[str] = "image-classification"
    input_kind: ClassVar[InputKind] = "image"

    def inputs(self, *, pair: bool) -> tuple[str, ...]:
        """The image alone: float32 (batch, 3, height, width)."""
        del pair
        return ("pixel_values",)
