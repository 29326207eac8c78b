"""Linear maps held by bitsandbytes: smaller, near, and refused where they would answer otherwise than they should."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from compactor.base.errors import MissingError, StageError

pytestmark = pytest.mark.model


def bert(hidden: int = 64, intermediate: int = 128) -> Any:
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    shape = {"hidden_size": hidden, "intermediate_size": intermediate, "num_hidden_layers": 1, "num_attention_heads": 2}
    given = {"vocab_size": 50, "max_position_embeddings": 32, "num_labels": 3, "attn_implementation": "eager"}
    return BertForSequenceClassification(BertConfig(**given, **shape, initializer_range=0.2)).eval()


@pytest.mark.parametrize(("load_in", "share"), [("8bit", 0.35), ("4bit", 0.2)])
def test_maps_take_less_and_answer_nearly_the_same(load_in, share):
    pytest.importorskip("bitsandbytes")
    import torch

    from compactor.models.few_bits import hold_in_few_bits

    model, ids = bert(), torch.arange(24).reshape(3, 8)
    dense = model.bert.encoder.layer[0].intermediate.dense
    matrix, states = dense.weight.detach().clone(), torch.randn(5, 64, generator=torch.Generator().manual_seed(1))
    head = model.classifier
    maps = sum(child.weight.numel() * 4 for child in model.bert.modules() if isinstance(child, torch.nn.Linear))
    before = model(input_ids=ids).logits
    facts = hold_in_few_bits(model, load_in)
    assert (facts["maps"], facts["maps_in_float"]) == (7, 0)
    assert facts["bytes_before"] - facts["bytes"] > (1 - share) * maps
    assert model.classifier is head
    held = model.bert.encoder.layer[0].intermediate.dense
    with torch.no_grad():
        assert torch.nn.functional.cosine_similarity(model(input_ids=ids).logits, before).min() > 0.8
        found = held(states) - held.bias
    if load_in == "8bit":
        largest = matrix.abs().amax(1, keepdim=True)
        expected = (matrix / largest * 127).round() * largest / 127
    else:
        from compactor.quantization.four_bit_floats import encode_four_bits

        expected = torch.from_numpy(encode_four_bits(matrix.numpy(), "nf4", 64).dequantized())
    # Activations are rounded to 8 bits a row, or to bfloat16.
    assert found == pytest.approx((states @ expected.T).numpy(), abs=0.02 * float((states @ expected.T).abs().max()))


def test_a_width_that_a_processor_would_read_wrongly_stays_in_float():
    pytest.importorskip("bitsandbytes")
    from compactor.models.few_bits import hold_in_few_bits

    assert hold_in_few_bits(bert(hidden=64, intermediate=96), "4bit")["maps_in_float"] == 1
    with pytest.raises(StageError, match="no linear map"):
        hold_in_few_bits(bert(hidden=32, intermediate=96), "4bit")


def test_without_bitsandbytes_it_says_what_to_install(monkeypatch):
    from compactor.models.few_bits import hold_in_few_bits

    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MissingError, match=r"compactor\[bnb\]"):
        hold_in_few_bits(bert(), "8bit")
