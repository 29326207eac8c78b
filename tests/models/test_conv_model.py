"""The convolutional model: its formula by loops in numpy, its indifference to padding, its structural zeros."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compactor.models.students import ConvStudent
from tests.models import folders, students

pytestmark = pytest.mark.model
ROWS = [[2, 7, 9, 9, 3], [2, 5, 3], [4], [2, 11, 12, 13, 14, 15, 3]]


def by_hand(model: Any, row: list[int]) -> np.ndarray:
    """Return the logits of one text: each filter slides over the text and over zeros beyond both ends; largest answer, relu, head."""
    values = {name: value.detach().double().numpy() for name, value in model.state_dict().items()}
    table, maps = values["embeddings.weight"], values["convolution.weight"]
    window, hidden, count = model.convolution.window, table.shape[1], model.config.filters
    features = []
    for group, width in enumerate(model.config.widths):
        around = [np.zeros(hidden)] * (width - 1)
        text = [*around, *(table[piece] for piece in row), *around]
        for number in range(count):
            # The filter's own numbers are the last of its row.
            weights = maps[group * count + number].reshape(window, hidden)[window - width :]
            answers = [np.sum(weights * np.stack(text[place : place + width])) for place in range(len(text) - width + 1)]
            features.append(max(0.0, *answers))
    states = np.array(features)
    if "classifier.dense.weight" in values:
        states = np.maximum(0, states @ values["classifier.dense.weight"].T + values["classifier.dense.bias"])
    return np.asarray(states @ values["classifier.out_proj.weight"].T + values["classifier.out_proj.bias"])


@pytest.mark.parametrize("shape", [{}, {"widths": [1, 3, 5]}, {"widths": [2]}, {"widths": [4, 2], "head": 7}], ids=str)
def test_answers_are_those_of_sliding_filters(shape: dict[str, Any]) -> None:
    model = students.conv(**shape)
    for row in ROWS:
        assert students.answer(model, [row])[0].numpy() == pytest.approx(by_hand(model, row), abs=1e-5)


@pytest.mark.parametrize("pad", [0, 1])
def test_padding_order_of_rows_and_batch_mates_do_not_matter(pad: int) -> None:
    import torch

    model = students.conv(pad_token_id=pad)
    alone = torch.cat([students.answer(model, [row]) for row in ROWS])
    assert torch.allclose(students.answer(model, ROWS, length=12, pad=pad), alone, atol=1e-6)
    assert torch.allclose(students.answer(model, ROWS[::-1], pad=pad).flip(0), alone, atol=1e-6)


def test_narrow_filters_stay_narrow_through_training(tmp_path: Path) -> None:
    from compactor.base.reporter import Reporter
    from compactor.distillation.evaluate import accuracy, predict
    from compactor.distillation.losses import parse_losses
    from compactor.distillation.objective import Objective
    from compactor.distillation.trainer import TrainSettings, fit
    from tests.distillation import tiny

    student, _ = students.grown(tmp_path / "teacher", ConvStudent(hidden=8, filters=6, widths=(1, 3)))
    data = tiny.rows(tmp_path / "data", 300)
    objective = Objective(parse_losses(["cross_entropy"]), None, student)
    settings = TrainSettings(epochs=4.0, learning_rate=1e-2, batch_size=8)
    fit(student, data, objective, settings, seed=0, threads=1, checkpoints=tmp_path, reporter=Reporter())
    assert accuracy(predict(student, data, threads=1), data.labels) > 0.95
    weight = student.convolution.weight
    assert weight[:6, :16].abs().sum() == 0  # a filter of width 1 sees the last of three pieces
    assert weight[:6, 16:].abs().sum() > 0
    assert student.embeddings.weight[0].abs().sum() == 0


def test_a_saved_student_is_read_back_bit_for_bit(tmp_path: Path) -> None:
    import torch

    from compactor.models import load, parameter_count, save

    student, facts = students.grown(tmp_path / "teacher", ConvStudent(hidden=8, filters=4, head=6))
    assert facts["init"] == "table"
    before = folders.answers(student)
    (tmp_path / "saved").mkdir()
    save(student, tmp_path / "teacher", tmp_path / "saved", labels=folders.LABELS)
    again = load(tmp_path / "saved", students.TASK, labels=folders.LABELS)
    assert torch.equal(folders.answers(again), before)
    counted = parameter_count(again)
    assert counted["encoder"] == 4 * 3 * 5 * 8
    assert counted["total"] == sum(value.numel() for value in again.parameters())
