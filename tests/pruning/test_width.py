"""Cutting neurons and heads: the same answers as silencing them, smaller files, exact reload."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.tasks.text_classification import TextClassification
from tests.pruning import tiny

TASK = TextClassification()
pytestmark = pytest.mark.model


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("part", ["intermediate", "heads"])
def test_cutting_and_silencing_agree(family, part):
    from compactor.pruning.width import cut, finish, mask, trace, units

    model, given = tiny.model(family), tiny.batches()
    # A sum over fewer numbers may be grouped otherwise: for heads, whose width here is below that of the kernels, look at 1e-12.
    model, most = (model, 0.0) if part == "intermediate" else (model.double(), 1e-12)
    masked, pruned = copy.deepcopy(model), copy.deepcopy(model)
    generator = np.random.default_rng(1)
    shares = (0.75, 0.5, 0.25)
    kept = [
        generator.permutation(place.count)[: int(place.count * share)]
        for place, share in zip(units(model, part), shares, strict=True)
    ]
    graph = trace(pruned)
    for silent, gone, stay in zip(units(masked, part), units(pruned, part), kept, strict=True):
        mask(silent, stay)
        cut(graph, gone, np.sort(stay))
    finish(pruned)
    expected = tiny.logits(masked, given)
    assert not np.allclose(expected, tiny.logits(model, given), atol=1e-2)
    assert np.abs(tiny.logits(pruned, given) - expected).max() <= most
    assert [width[part] for width in pruned.config.layer_widths] == [len(stay) for stay in kept]


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_parameters_are_as_many_as_arithmetic_says(family):
    from compactor.pruning.narrow import choose, narrow
    from compactor.pruning.prediction import predicted_parameters

    model = tiny.model(family)
    expected = predicted_parameters(model, intermediate=[48, 32, 16], heads=[3, 2, 1])
    kept = choose(model, {"intermediate": (48, 32, 16), "heads": (3, 2, 1)}, [], importance="magnitude", round_to=8, seed=0)
    narrow(model, kept)
    assert sum(parameter.numel() for parameter in model.parameters()) == expected


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_layers_of_one_width_make_an_ordinary_checkpoint(family, tmp_path):
    from transformers import AutoModelForSequenceClassification

    from compactor.models import load, save
    from compactor.pruning.narrow import choose, narrow

    model, given = tiny.model(family), tiny.batches()
    narrow(model, choose(model, {"intermediate": 0.5}, given, importance="wanda", round_to=8, seed=0), given)
    save(model, tiny.tokenizer(tmp_path / "source"), tmp_path, labels=("a", "b", "c"))
    config = json.loads((tmp_path / "config.json").read_text())
    assert config.get("intermediate_size", config.get("hidden_dim")) == 32
    assert "layer_widths" not in config
    expected = tiny.logits(model, given)
    for again in (
        load(tmp_path, TASK),
        AutoModelForSequenceClassification.from_pretrained(tmp_path, attn_implementation="eager"),
    ):
        assert np.array_equal(tiny.logits(again, given), expected)


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("wanted", [{"intermediate": (48, 32, 16)}, {"heads": 2}, {"intermediate": 32, "heads": (4, 2, 1)}])
def test_other_widths_reload_exactly_and_fail_loudly_for_a_plain_reader(family, wanted, tmp_path):
    from transformers import AutoModelForSequenceClassification

    from compactor.models import load, save
    from compactor.pruning.narrow import choose, narrow

    model, given = tiny.model(family), tiny.batches()
    narrow(model, choose(model, wanted, given, importance="wanda", round_to=8, seed=0), given)
    save(model, tiny.tokenizer(tmp_path / "source"), tmp_path, labels=("a", "b", "c"))
    assert np.array_equal(tiny.logits(load(tmp_path, TASK), given), tiny.logits(model, given))
    with pytest.raises(RuntimeError, match=r"size mismatch|mismatched|ignore_mismatched_sizes"):
        AutoModelForSequenceClassification.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("wanted", "round_to", "expected"),
    [
        (0.5, 8, [32, 32, 24]),
        (0.3, 8, [16, 16, 16]),
        (0.01, 8, [8, 8, 8]),
        (0.3, 1, [19, 19, 14]),
        (40, 8, [40, 40, 40]),
        ([64, 8, 1], 8, [64, 8, 1]),
    ],
)
def test_a_share_is_rounded_and_numbers_are_taken_as_they_are(wanted, round_to, expected):
    from compactor.pruning.width import target_counts

    assert target_counts([64, 64, 48], wanted, round_to, "intermediate") == expected


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (65, "keeps 65 in layer 0, which has 64"),
        ([64, 64], "names 2 widths, but the model has 3 layers"),
        (0.99, "removes nothing"),
    ],
)
def test_widths_that_cannot_be_are_refused(wanted, sentence):
    from compactor.pruning.width import target_counts

    with pytest.raises(StageError, match=sentence):
        target_counts([64, 64, 64], wanted, 8, "intermediate")
