"""Which layers stay, and what the model answers without the others."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.pruning.layers import cut_layers, layers_to_keep
from compactor.tasks.text_classification import TextClassification
from tests.pruning import tiny


@pytest.mark.parametrize(
    ("total", "keep", "expected"),
    [(6, 3, [0, 2, 5]), (6, 2, [0, 5]), (12, 4, [0, 4, 7, 11]), (6, 1, [0]), (6, [5, 1], [1, 5]), (4, (0, 3), [0, 3])],
)
def test_a_number_is_spread_and_a_list_is_taken_as_it_is(total, keep, expected):
    assert layers_to_keep(total, keep) == expected


@pytest.mark.parametrize("keep", [0, 6, 7, [6], [-1], [1, 1], []])
def test_layers_that_are_not_there_are_refused_with_a_sentence(keep):
    with pytest.raises(StageError, match="has 6 layers"):
        layers_to_keep(6, keep)


def test_a_list_of_all_layers_takes_none_away_and_is_refused():
    with pytest.raises(StageError, match=r"K201: prune\.layers names all 3 layers"):
        layers_to_keep(3, [2, 0, 1])


@pytest.mark.model
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_cut_model_answers_as_one_whose_other_layers_do_nothing_and_reloads(family, tmp_path):
    import torch

    from compactor.models import load, save
    from compactor.models.families import describe

    given = tiny.batches()
    model, skipping = tiny.model(family), tiny.model(family)
    cut_layers(model, [0, 2])
    middle = describe(skipping).layers[1]
    original = middle.forward
    returns_tuple = isinstance(original(torch.zeros(1, 4, 32), torch.zeros(1, 1, 1, 4)), tuple)
    middle.forward = lambda hidden, *_, **__: (hidden,) if returns_tuple else hidden
    expected = tiny.logits(skipping, given)
    assert np.array_equal(tiny.logits(model, given), expected)
    assert model.config.num_hidden_layers == 2

    save(model, tiny.tokenizer(tmp_path / "source"), tmp_path, labels=("a", "b", "c"))
    again = load(tmp_path, TextClassification())
    assert np.array_equal(tiny.logits(again, given), expected)
