"""Settings inside the teacher's: the shape of a model made from nothing, and the linear model that teaches along."""

from __future__ import annotations

from typing import Any, Literal

from compactor.base.settings import Settings, setting


class TeacherConfig(Settings):
    """An encoder built like BERT, with a WordPiece vocabulary of its own trained on the training texts; or, for images, like ViT."""

    family: Literal["bert", "vit"] = setting("bert", "bert reads texts, vit sees images")
    layers: int = setting(3, "encoder layers", ge=1)
    hidden: int = setting(192, "width of the residual stream", ge=8)
    heads: int = setting(3, "attention heads; they divide the width evenly", ge=1)
    intermediate: int | None = setting(None, "width of the feed-forward part; by default four times the hidden width", ge=8)
    vocabulary: int = setting(8000, "pieces", ge=100)
    max_positions: int = setting(128, "most pieces of a text", ge=8)
    dropout: float = setting(0.1, "dropout while training", ge=0, lt=1)
    init: Literal["random", "cooccurrence"] = setting(
        "random", "piece embeddings: random, or from the pieces' co-occurrence in the texts"
    )
    image_size: int | None = setting(None, "vit: height and width that images are resized to", ge=2)
    patch: int | None = setting(None, "vit: height and width of a patch, which divides the image evenly", ge=1)

    def text_shape(self, max_length: int) -> dict[str, Any]:
        """Return the shape of an encoder of texts, as `models.fresh.new_encoder` takes it."""
        return {
            "layers": self.layers,
            "hidden": self.hidden,
            "heads": self.heads,
            "intermediate": self.intermediate or 4 * self.hidden,
            "vocabulary": self.vocabulary,
            "max_positions": self.max_positions,
            "max_length": min(max_length, self.max_positions),
            "dropout": self.dropout,
        }


class LinearTeacher(Settings):
    """A linear n-gram model that teaches along; it answers only for rows that it was not fitted on."""

    weight: float = setting(0.5, "weight of its answers beside the labels", gt=0)
    temperature: float = setting(1.0, "how far both sides' probabilities are evened out", gt=0)
