"""The static model: its formula in numpy, its folding, its indifference to padding, its training and its way to disk and back."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compactor.models.students import StaticStudent
from tests.models import folders, students

pytestmark = pytest.mark.model
ROWS = [[2, 7, 9, 9, 3], [2, 5, 3], [4], [2, 11, 12, 13, 14, 15, 3]]


def by_hand(model: Any, row: list[int]) -> np.ndarray:
    """Return the logits of one text by the module's formula, in float64."""
    values = {name: value.detach().double().numpy() for name, value in model.state_dict().items()}
    weights = values.get("weights", np.ones(len(values["embeddings.weight"])))
    total = sum(weights[piece] * values["embeddings.weight"][piece] for piece in row)
    if "bigrams.weight" in values:
        buckets = len(values["bigrams.weight"]) - 1
        total = total + sum(values["bigrams.weight"][(a * 1_000_003 + b) % buckets + 1] for a, b in pairwise(row))
    states = total / np.sqrt(len(row))
    if "classifier.dense.weight" in values:
        states = np.maximum(0, states @ values["classifier.dense.weight"].T + values["classifier.dense.bias"])
    return np.asarray(states @ values["classifier.out_proj.weight"].T + values["classifier.out_proj.bias"])


@pytest.mark.parametrize("shape", [{}, {"head": 0}, {"bigrams": 8}, {"piece_weights": False}], ids=str)
def test_answers_are_those_of_the_formula(shape: dict[str, Any]) -> None:
    model = students.static(**shape)
    for row in ROWS:
        assert students.answer(model, [row])[0].numpy() == pytest.approx(by_hand(model, row), abs=1e-5)


@pytest.mark.parametrize("shape", [{}, {"bigrams": 8}, {"pad_token_id": 1}], ids=str)
def test_padding_order_of_rows_and_batch_mates_do_not_matter(shape: dict[str, Any]) -> None:
    import torch

    model, pad = students.static(**shape), shape.get("pad_token_id", 0)
    alone = torch.cat([students.answer(model, [row]) for row in ROWS])
    assert torch.allclose(students.answer(model, ROWS, length=12, pad=pad), alone, atol=1e-6)
    assert torch.allclose(students.answer(model, ROWS[::-1], pad=pad).flip(0), alone, atol=1e-6)


def test_the_mask_hides_pieces_and_an_empty_text_gets_an_answer() -> None:
    import torch

    model = students.static()
    ids = torch.tensor([[2, 7, 9, 4, 5]])
    with torch.no_grad():
        hidden = model(input_ids=ids, attention_mask=torch.tensor([[1, 1, 1, 0, 0]])).logits
    assert torch.allclose(hidden, students.answer(model, [[2, 7, 9]]), atol=1e-6)
    assert torch.isfinite(students.answer(model, [[0]])).all()


def test_folding_the_weights_changes_no_bit_of_the_answers() -> None:
    import torch

    model = students.static()
    before = students.answer(model, ROWS)
    model.fold()
    assert model.weights is None
    assert torch.equal(students.answer(model, ROWS), before)


@pytest.mark.parametrize(
    "settings", [StaticStudent(hidden=8, head=6), StaticStudent(hidden=8, head=0, bigrams=16)], ids=["head", "bigrams"]
)
def test_a_saved_student_is_read_back_bit_for_bit(tmp_path: Path, settings: StaticStudent) -> None:
    import torch

    from compactor.models import load, parameter_count, save

    student, _ = students.grown(tmp_path / "teacher", settings)
    before = folders.answers(student)
    (tmp_path / "saved").mkdir()
    save(student, tmp_path / "teacher", tmp_path / "saved", labels=folders.LABELS)
    again = load(tmp_path / "saved", students.TASK, labels=folders.LABELS)
    assert torch.equal(folders.answers(again), before)
    counted = parameter_count(again)
    assert counted["encoder"] == 0
    assert counted["total"] == counted["embeddings"] + counted["head"] == sum(value.numel() for value in again.parameters())


def test_the_padding_row_stays_zero_through_training(tmp_path: Path) -> None:
    from compactor.base.reporter import Reporter
    from compactor.distillation.evaluate import accuracy, predict
    from compactor.distillation.losses import parse_losses
    from compactor.distillation.objective import Objective
    from compactor.distillation.trainer import TrainSettings, fit
    from tests.distillation import tiny

    student, facts = students.grown(tmp_path / "teacher", StaticStudent(hidden=8, head=6))
    assert facts["pieces"] == tiny.PIECES
    data = tiny.rows(tmp_path / "data", 300)
    objective = Objective(parse_losses(["cross_entropy"]), None, student)
    settings = TrainSettings(epochs=4.0, learning_rate=1e-2, batch_size=8)
    fit(student, data, objective, settings, seed=0, threads=1, checkpoints=tmp_path, reporter=Reporter())
    assert accuracy(predict(student, data, threads=1), data.labels) > 0.95
    assert student.embeddings.weight[0].abs().sum() == 0
    assert student.weights is not None


def test_a_hash_of_piece_ids_cannot_survive_new_ids() -> None:
    from compactor.base.errors import StageError
    from compactor.pruning.vocabulary import cut_embeddings

    with pytest.raises(StageError) as raised:
        cut_embeddings(students.static(bigrams=8), np.arange(20))
    assert raised.value.problem.code == "K309"


def test_fewer_pieces_leave_the_answers_to_kept_pieces_alone() -> None:
    import torch

    from compactor.pruning.prediction import predicted_parameters
    from compactor.pruning.vocabulary import cut_embeddings

    model, kept = students.static(), np.array([0, 2, 3, 7, 9, 20])
    before = students.answer(model, [[2, 7, 9, 3]])
    model.fold()
    predicted = predicted_parameters(model, pieces=len(kept))
    cut_embeddings(model, kept)
    assert predicted == sum(value.numel() for value in model.parameters())
    assert torch.equal(students.answer(model, [[1, 3, 4, 2]]), before)
