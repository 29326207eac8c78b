"""A model of images made from nothing: a ViT with random weights, and the settings by which its images are prepared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.models.loading import from_config
from compactor.models.reading import write_processor

if TYPE_CHECKING:
    from compactor.tasks import Task

BILINEAR = 2
# What ViT and DeiT were published with: grey levels 0 to 255 become -1 to 1.
MIDDLE = [0.5, 0.5, 0.5]


def new_image_classifier(
    folder: Path,
    task: Task,
    *,
    labels: tuple[str, ...],
    image_size: int,
    patch: int,
    layers: int,
    hidden: int,
    heads: int,
    intermediate: int,
    dropout: float,
) -> Any:
    """Build a ViT classifier with random weights (from torch's current random state) and write preprocessor_config.json.

    Args:
        folder: where the processor's settings go.
        task: names the transformers class.
        labels: label names in id order.
        image_size: height and width that images are resized to.
        patch: height and width of a patch; it divides `image_size` evenly.
        layers: encoder layers.
        hidden: width of the residual stream.
        heads: attention heads; they divide `hidden` evenly.
        intermediate: width of the feed-forward part.
        dropout: of states and attention, while training.

    Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words" (arXiv:2010.11929), section 3.1.
    """
    from transformers import ViTConfig

    told = {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {"height": image_size, "width": image_size},
        "resample": BILINEAR,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": MIDDLE,
        "image_std": MIDDLE,
    }
    write_processor(folder, told)
    config = ViTConfig(
        image_size=image_size,
        patch_size=patch,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=intermediate,
        initializer_range=min(0.06, hidden**-0.5),  # as for texts, see `compactor.models.fresh`
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    return from_config(config, task)
