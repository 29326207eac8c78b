"""A factorized piece table: exact at full rank, the best of its rank below, and read back as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compactor.base.errors import StageError
from tests.distillation import tiny
from tests.models import folders, students

pytestmark = pytest.mark.model


def low_rank(model: object, rank: int) -> None:
    """Give a model's piece table this rank."""
    import torch

    from compactor.models.families import piece_table

    table = piece_table(model)
    with torch.no_grad():
        left, values, right = torch.linalg.svd(table.weight, full_matrices=False)
        table.weight.copy_(left[:, :rank] * values[:rank] @ right[:rank])


@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta"])
def test_a_table_of_that_rank_is_kept_whole(kind: str) -> None:
    import torch

    from compactor.models.factorized import factorize

    model = tiny.model(3, kind=kind)
    low_rank(model, 7)
    before = folders.answers(model)
    assert factorize(model, 7) == pytest.approx(1.0)
    assert torch.allclose(folders.answers(model), before, atol=1e-5)


def test_below_its_rank_the_error_is_that_of_the_dropped_singular_values() -> None:
    import torch

    from compactor.models.factorized import factorize, whole_table
    from compactor.models.families import piece_table

    model = tiny.model(3)
    table = piece_table(model).weight.detach().clone()
    values = np.linalg.svd(table.numpy().astype(np.float64), compute_uv=False)
    kept = factorize(model, 5)
    error = (whole_table(piece_table(model)) - table).square().sum()
    assert float(error) == pytest.approx(float((values[5:] ** 2).sum()), rel=1e-4)
    assert kept == pytest.approx(float((values[:5] ** 2).sum() / (values**2).sum()))
    assert isinstance(piece_table(model), torch.nn.Embedding)
    assert piece_table(model).weight.shape == (tiny.PIECES, 5)


def test_it_is_read_back_bit_for_bit_and_refused_by_a_reader_that_does_not_know_it(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification

    from compactor.models import load, save
    from compactor.models.factorized import factorize

    model = folders.write_model(tmp_path / "model")
    factorize(model, 5)
    before = folders.answers(model)
    (tmp_path / "saved").mkdir()
    save(model, tmp_path / "model", tmp_path / "saved", labels=folders.LABELS)
    assert torch.equal(folders.answers(load(tmp_path / "saved", students.TASK, labels=folders.LABELS)), before)
    with pytest.raises(RuntimeError, match="mismatch"):
        AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")


def test_fewer_pieces_keep_the_projection() -> None:
    import torch

    from compactor.models.factorized import factorize
    from compactor.pruning.prediction import predicted_parameters
    from compactor.pruning.vocabulary import cut_embeddings

    model, kept = tiny.model(3), np.arange(0, 60, 2)
    factorize(model, 5)
    ids = torch.tensor([[2, 8, 10, 4]])
    with torch.no_grad():
        before = model(input_ids=ids).logits
        predicted = predicted_parameters(model, pieces=len(kept))
        cut_embeddings(model, kept)
        assert predicted == sum(value.numel() for value in model.parameters())
        assert torch.equal(model(input_ids=ids // 2).logits, before)


def test_a_width_that_saves_nothing_is_told() -> None:
    from compactor.models.factorized import factorize

    with pytest.raises(StageError) as raised:
        factorize(tiny.model(3), 16)
    assert raised.value.problem.code == "L174"
