"""A shorter table of positions: what still fits is answered as before, to the bit, also after the model was read back."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.tasks.text_classification import TextClassification
from tests.pruning import tiny

pytestmark = pytest.mark.model


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_texts_that_fit_are_answered_as_before_and_the_model_reloads(family, tmp_path):
    from compactor.models import load, parameter_count, save
    from compactor.pruning.positions import cut_positions, longest_text, position_table

    given, model = tiny.batches(), tiny.model(family)
    expected, before = tiny.logits(model, given), parameter_count(model)["total"]
    gone = longest_text(model) - 12
    cut_positions(model, 12)
    assert longest_text(model) == 12
    assert np.array_equal(tiny.logits(model, given), expected)
    assert before - parameter_count(model)["total"] == gone * position_table(model).embedding_dim

    save(model, tiny.tokenizer(tmp_path / "source"), tmp_path, labels=("a", "b", "c"))
    assert np.array_equal(tiny.logits(load(tmp_path, TextClassification()), given), expected)


def test_a_model_that_has_no_more_stays_as_it_is():
    from compactor.pruning.positions import cut_positions

    model = tiny.model()
    cut_positions(model, 512)
    assert model.config.max_position_embeddings == 40


@pytest.mark.parametrize("family", tiny.DECODERS)
def test_positions_that_are_computed_cannot_be_cut(family):
    from compactor.pruning.positions import cut_positions

    with pytest.raises(StageError, match="no table of positions"):
        cut_positions(tiny.model(family), 12)
