"""What a model is called with: only what it can read."""

from __future__ import annotations

import numpy as np
import pytest

from tests.pruning import tiny

pytestmark = pytest.mark.model


@pytest.mark.parametrize("segments", [1, 2])
def test_a_model_that_knows_one_segment_reads_pairs_without_their_segments(segments):
    """Such a model, made for single texts, may be fine-tuned on pairs, and then distilled, cut and exported."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    from compactor.models.feeding import feed
    from compactor.pruning.activations import run_model

    config = AutoConfig.for_model(
        "bert",
        vocab_size=60,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        type_vocab_size=segments,
    )
    model = AutoModelForSequenceClassification.from_config(config).eval()
    (batch,) = tiny.batches(1)
    pairs = {**batch, "token_type_ids": (np.arange(batch["input_ids"].shape[1]) > 3).astype(np.int64)[None].repeat(8, 0)}
    assert ("token_type_ids" in feed(model, pairs)) == (segments == 2)
    assert np.array_equal(run_model(model, pairs), run_model(model, batch)) == (segments == 1)
