"""Tiny random models of images, saved as torch folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

LABELS = ("above", "below", "none")
SIZE = 8


def random_vit(kind: str = "vit", *, layers: int = 2, seed: int = 0) -> Any:
    """Build a classifier whose weights are so large that each of them matters to the answer."""
    import torch
    from transformers import AutoConfig, DeiTForImageClassification, ViTForImageClassification

    torch.manual_seed(seed)
    shape = {"hidden_size": 32, "num_hidden_layers": layers, "num_attention_heads": 4, "intermediate_size": 48}
    config = AutoConfig.for_model(kind, image_size=SIZE, patch_size=2, num_labels=len(LABELS), **shape)
    config._attn_implementation = "eager"
    model = {"vit": ViTForImageClassification, "deit": DeiTForImageClassification}[kind](config).float().eval()
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(
            parameter, std=0.2 if parameter.ndim > 1 else 0.1, mean=float("norm" in name and "weight" in name)
        )
    return model


def save_vit(folder: Path, kind: str = "vit", **options: Any) -> Path:
    """Save one with the settings of its processor."""
    from compactor.models import save
    from compactor.models.reading import write_processor

    folder.mkdir(parents=True, exist_ok=True)
    size = {"height": SIZE, "width": SIZE}
    write_processor(
        folder, {"image_processor_type": "ViTImageProcessor", "size": size, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    )
    save(random_vit(kind, **options), folder, folder, labels=LABELS)
    return folder


def pixels(rows: int = 5, seed: int = 0) -> Any:
    """Make up prepared images, float32 (rows, 3, 8, 8)."""
    import numpy as np

    return np.random.default_rng(seed).normal(size=(rows, 3, SIZE, SIZE)).astype(np.float32)
