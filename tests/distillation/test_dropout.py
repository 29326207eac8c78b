"""The share of numbers that a model drops."""

from __future__ import annotations

from typing import Any

import pytest

from tests.distillation import tiny

pytestmark = pytest.mark.model


def vit() -> Any:
    from transformers import ViTConfig, ViTForImageClassification

    shape = {"image_size": 16, "patch_size": 4, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    dropped = {"attention_probs_dropout_prob": 0.5, "hidden_dropout_prob": 0.5}
    return ViTForImageClassification(ViTConfig(**shape, **dropped, intermediate_size=32, num_labels=3))


def test_nothing_is_dropped_anywhere_when_asked_for() -> None:
    import torch

    from compactor.distillation.dropout import set_dropout

    pixels, pieces = torch.randn(2, 3, 16, 16), torch.ones(2, 5, dtype=torch.int64)
    for model, inputs in ((vit(), {"pixel_values": pixels}), (tiny.model(dropout=0.5), {"input_ids": pieces})):
        model.train()
        assert not torch.equal(model(**inputs).logits, model(**inputs).logits)
        set_dropout(model, None)
        assert not torch.equal(model(**inputs).logits, model(**inputs).logits)
        set_dropout(model, 0.0)
        assert torch.equal(model(**inputs).logits, model(**inputs).logits)
