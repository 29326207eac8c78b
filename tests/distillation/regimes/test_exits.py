"""Early exits: heads after inner layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.distillation import tiny
from tests.distillation.regimes.fitting import kl, losses, signal, train

pytestmark = pytest.mark.model


def exits_of(student: Any, layers: tuple[int, ...] = (1,), labels: float = 0.3, weight: float = 0.5) -> Any:
    from compactor.distillation.losses import LOSSES
    from compactor.distillation.regimes.exits import Exits

    hard = LOSSES.load("cross_entropy")()
    return Exits(student, layers, tiny.LABELS, label_loss=hard, teacher_loss=kl(), weight=weight, labels=labels, seed=0)


def together(rows: Any, student: Any, exits: Any) -> Any:
    from compactor.distillation.objective import Objective
    from compactor.distillation.regimes.together import Together

    return Together(Objective(losses(), signal(rows), student), [exits])


def test_an_exit_learns_the_labels_without_the_layers_above(rows: Any, tmp_path: Path) -> None:
    import torch

    from compactor.models.feeding import feed

    student = tiny.model(1, layers=3)
    exits = exits_of(student, (1, 2))
    train(student, rows, together(rows, student, exits), tmp_path / "a", epochs=10.0, learning_rate=2e-2)
    exits.begin(student)
    with torch.no_grad():
        student(**feed(student, rows.batch(np.arange(60))))
    for answer in exits.answers().values():
        assert float((answer.argmax(1).numpy() == rows.labels).mean()) > 0.9


def test_the_terms_are_what_they_are_said_to_be(rows: Any) -> None:
    import torch
    from torch.nn import functional as F

    from compactor.models.feeding import feed

    student = tiny.model(1, layers=3)
    exits = exits_of(student, (1, 2))
    objective = together(rows, student, exits)
    objective.begin(student)
    batch = rows.batch(np.arange(6))
    inputs, labels = feed(student, batch), torch.from_numpy(batch["labels"])
    total, parts = objective(student, inputs, labels, np.arange(6), 0.0)
    with torch.no_grad():
        whole = student(**inputs, output_hidden_states=True)
        answers = [exits.heads[str(layer)](whole.hidden_states[layer][:, 0]) for layer in (1, 2)]
        hard = sum(F.cross_entropy(answer, labels) for answer in answers) / 2
        last = F.softmax(whole.logits, dim=1)
        soft = sum(F.kl_div(F.log_softmax(answer, dim=1), last, reduction="batchmean") for answer in answers) / 2
    told = dict(zip(objective.terms, parts.tolist(), strict=True))
    assert told["exits/labels"] == pytest.approx(float(hard), rel=1e-5)
    assert told["exits/last_layer"] == pytest.approx(float(soft), rel=1e-4)
    own = 0.5 * told["hinton"] + 0.5 * told["cross_entropy"]
    assert total.item() == pytest.approx(own + 0.5 * (0.3 * float(hard) + 0.7 * float(soft)), rel=1e-5)


def test_the_last_layer_is_not_moved_by_its_teaching(rows: Any) -> None:
    import torch

    from compactor.models.feeding import feed

    student = tiny.model(1, layers=2)
    exits = exits_of(student, (1,), labels=0.0, weight=1.0)
    objective = together(rows, student, exits)
    objective.begin(student)
    batch = rows.batch(np.arange(6))
    inputs, labels = feed(student, batch), torch.from_numpy(batch["labels"])
    own, _ = objective.objective(student, inputs, labels, np.arange(6), 0.0)
    total, _ = objective(student, inputs, labels, np.arange(6), 0.0)
    gradient = torch.autograd.grad(total, [student.classifier.weight, exits.heads["1"].weight])
    assert torch.allclose(gradient[0], torch.autograd.grad(own, student.classifier.weight)[0])
    assert gradient[1].abs().sum() > 0


def test_the_heads_are_kept_beside_the_model(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    student = tiny.model(1, layers=3)
    exits = exits_of(student, (1, 2))
    exits.save(tmp_path, {"validation": {"1": 0.5}})
    shape = json.loads((tmp_path / "exits.json").read_text())
    assert (shape["layers"], shape["width"], shape["labels"]) == ([1, 2], 16, 3)
    tensors = load_file(tmp_path / "exits.safetensors")
    assert torch.equal(tensors["2.weight"], exits.heads["2"].weight)


def test_the_exits_read_the_students_answer_and_not_its_averages(rows: Any) -> None:
    import torch

    from compactor.distillation.objective import Objective
    from compactor.distillation.regimes.ema_teacher import EmaTeacher
    from compactor.distillation.regimes.together import Together
    from compactor.models.feeding import feed

    batch, told = rows.batch(np.arange(6)), []
    for with_average in (False, True):
        student = tiny.model(1, layers=3)
        exits = exits_of(student)
        others = [EmaTeacher(loss=kl(), weight=0.0, decay=0.9, keep=False)] if with_average else []
        objective = Together(Objective(losses(), signal(rows), student), [*others, exits])
        objective.begin(student)
        with torch.no_grad():  # the student has moved on from its average
            student.bert.encoder.layer[0].output.dense.weight.mul_(1.5)
        total, parts = objective(student, feed(student, batch), torch.from_numpy(batch["labels"]), np.arange(6), 0.0)
        total.backward()
        term = dict(zip(objective.terms, parts.tolist(), strict=True))["exits/labels"]
        told.append((term, student.bert.encoder.layer[0].output.dense.weight.grad))
    (alone, gradient), (beside, same_gradient) = told
    assert alone == beside
    assert torch.equal(gradient, same_gradient)


def test_the_best_epochs_heads_are_kept_with_the_best_epochs_model(rows: Any, tmp_path: Path) -> None:
    import itertools

    import torch

    from compactor.base.reporter import Reporter
    from compactor.distillation.trainer import TrainSettings, fit

    def trained(name: str, epochs: float, keep: str) -> tuple[Any, Any]:
        student = tiny.model(1, layers=3)
        exits, falling = exits_of(student), itertools.count(0, -1)
        given = {"batch_size": 8, "learning_rate": 5e-3, "warmup": 0, "decay": "constant", "dropout": 0.0}
        settings = TrainSettings(epochs=epochs, keep=keep, **given)
        objective = together(rows, student, exits)
        told = {"seed": 0, "threads": 1, "checkpoints": tmp_path / name, "reporter": Reporter()}
        fit(student, rows, objective, settings, validate=lambda _: float(next(falling)), **told)
        return student, exits

    best, first = trained("best", 3.0, "best"), trained("first", 1.0, "last")
    assert torch.equal(best[0].classifier.weight, first[0].classifier.weight)
    assert torch.equal(best[1].heads["1"].weight, first[1].heads["1"].weight)


def test_exits_of_a_body_that_computes_in_bf16(rows: Any) -> None:
    import torch

    from compactor.distillation.precision import computing_in
    from compactor.models.feeding import feed

    student = tiny.model(1, layers=2, kind="electra")  # whose projected embeddings make the whole stream bf16
    objective = together(rows, student, exits_of(student))
    objective.begin(student)
    batch = rows.batch(np.arange(6))
    with computing_in("bf16", student, torch.device("cpu")):
        total, _ = objective(student, feed(student, batch), torch.from_numpy(batch["labels"]), np.arange(6), 0.0)
    assert torch.isfinite(total)
