"""Fewer channels of the residual stream: equal to a mask that norms honour, smaller, refitted, and read back."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.tasks.text_classification import TextClassification
from tests.pruning import tiny

pytestmark = pytest.mark.model


def given():
    """Return batches as the stages make them."""
    made = tiny.batches(2)
    for batch in made:
        batch["token_type_ids"] = np.zeros_like(batch["input_ids"])
    return made


def some_channels(count, seed=0):
    return np.sort(np.random.default_rng(seed).permutation(32)[:count])


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_cutting_equals_a_mask_that_the_norms_honour(family):
    from compactor.pruning.stream import cut_stream, narrower_parameters
    from compactor.pruning.stream_mask import mask_stream

    model, kept = tiny.model(family, layers=2).double(), some_channels(16)
    masked, cut = copy.deepcopy(model), copy.deepcopy(model)
    expected = narrower_parameters(model, 16)
    mask_stream(masked, kept)
    cut_stream(cut, kept)
    answers = tiny.logits(masked, given())
    # A sum with zeros in it may be grouped otherwise than one without: the last digits of float64, not the bits.
    assert np.abs(tiny.logits(cut, given()) - answers).max() <= 1e-12
    assert not np.allclose(answers, tiny.logits(model, given()), atol=1e-2)
    assert sum(parameter.numel() for parameter in cut.parameters()) == expected
    assert cut.config.hidden_size == 16


def test_a_mask_that_the_norms_do_not_honour_is_another_model():
    """Zeroed scales and shifts leave mean and variance as they were: this is why no such claim is made of hidden width."""
    import torch

    from compactor.pruning.stream import cut_stream

    model, kept = tiny.model(layers=2).double(), some_channels(16)
    zeroed, cut = copy.deepcopy(model), copy.deepcopy(model)
    gone = np.setdiff1d(np.arange(32), kept)
    with torch.no_grad():
        for module in zeroed.modules():
            if isinstance(module, torch.nn.LayerNorm):
                module.weight[gone] = module.bias[gone] = 0.0
    cut_stream(cut, kept)
    assert not np.allclose(tiny.logits(zeroed, given()), tiny.logits(cut, given()), atol=1e-2)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_the_refit_is_nearer_on_the_calibration_rows_and_reloads(family, tmp_path):
    from compactor.models import load, save
    from compactor.pruning.stream import cut_stream
    from compactor.pruning.stream_scores import score_channels

    model, rows = tiny.model(family, layers=2), given()
    whole = tiny.logits(model, rows)
    scores = score_channels(model, rows, importance="wanda", seed=0)
    kept = np.sort(np.argsort(-scores)[:24])
    bare, refitted = copy.deepcopy(model), copy.deepcopy(model)
    cut_stream(bare, kept)
    cut_stream(refitted, kept, rows)
    errors = [np.square(tiny.logits(each, rows) - whole).mean() for each in (bare, refitted)]
    assert errors[1] < errors[0]
    save(refitted, tiny.tokenizer(tmp_path / "source"), tmp_path, labels=("a", "b", "c"))
    assert np.array_equal(tiny.logits(load(tmp_path, TextClassification()), rows), tiny.logits(refitted, rows))


def test_a_model_that_answers_every_piece_is_refitted_on_real_pieces_alone():
    from transformers import BertForTokenClassification

    from compactor.pruning.stream import cut_stream

    model, rows = BertForTokenClassification(tiny.model(layers=2).config).eval(), given()
    assert any((batch["attention_mask"] == 0).any() for batch in rows)
    cut_stream(model, some_channels(24), rows)
    assert model.classifier.in_features == 24


def test_hidden_and_heads_that_fill_it_make_an_ordinary_checkpoint():
    from compactor.pruning.narrow import choose, narrow
    from compactor.pruning.stream import cut_stream

    model = tiny.model(layers=2)
    cut_stream(model, some_channels(16))
    assert model.config.layer_widths == [{"intermediate": 64, "heads": 4}] * 2
    narrow(model, choose(model, {"heads": 2}, [], importance="magnitude", round_to=8, seed=0))
    assert not hasattr(model.config, "layer_widths")
    assert (model.config.hidden_size, model.config.num_attention_heads) == (16, 2)


def test_channels_that_do_nothing_go_first():
    import torch

    from compactor.pruning.stream_scores import score_channels

    model, silent = tiny.model(layers=2), [2, 11, 30]
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.LayerNorm):
                module.weight[silent] = module.bias[silent] = 0.0
    assert set(np.argsort(score_channels(model, given(), importance="wanda", seed=0))[:3]) == set(silent)


@pytest.mark.parametrize(("wanted", "expected"), [(0.5, 16), (0.7, 24), (0.01, 8), (24, 24)])
def test_a_width_is_a_multiple_of_the_head_size(wanted, expected):
    from compactor.pruning.stream import channels_to_keep

    assert channels_to_keep(32, wanted, 8) == expected


@pytest.mark.parametrize("wanted", [20, 32, 40, 0.99])
def test_another_width_is_refused(wanted):
    from compactor.pruning.stream import channels_to_keep

    with pytest.raises(StageError, match="smaller multiple of 8"):
        channels_to_keep(32, wanted, 8)


@pytest.mark.parametrize("wanted", [0.5, 16])
def test_a_stream_as_wide_as_embeddings_that_are_projected_into_it_is_refused(wanted):
    """Its configuration would tell of no projection, and the weights of one would be left out when it is read."""
    from compactor.models.families import describe
    from compactor.pruning.stream import channels_to_keep, projected_width

    electra, bert = (projected_width(describe(tiny.model(family))) for family in ("electra", "bert"))
    assert (electra, bert) == (16, 0)
    with pytest.raises(StageError, match="16 channels, as many as the embeddings have") as refused:
        channels_to_keep(32, wanted, 8, electra)
    assert (refused.value.problem.code, refused.value.problem.hint) == ("K222", "give another number, such as 8 or 24")
    assert (channels_to_keep(32, 24, 8, electra), channels_to_keep(32, wanted, 8, bert)) == (24, 16)
