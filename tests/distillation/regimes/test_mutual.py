"""Deep mutual learning: students teach each other while they learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.distillation import tiny
from tests.distillation.regimes.fitting import kl, losses, same, signal, train

pytestmark = pytest.mark.model


def together(rows: Any, student: Any, peers: list[Any], weight: float = 1.0) -> Any:
    from compactor.distillation.objective import Objective
    from compactor.distillation.regimes.mutual import Mutual
    from compactor.distillation.regimes.together import Together

    objectives = [Objective(losses(), signal(rows), peer) for peer in peers]
    mutual = Mutual(peers, objectives, loss=kl(), weight=weight, problem_type="single_label_classification")
    return Together(Objective(losses(), signal(rows), student), [mutual])


def call(objective: Any, student: Any, rows: Any, numbers: Any, **more: Any) -> Any:
    import torch

    from compactor.models.feeding import feed

    batch = rows.batch(numbers)
    return objective(student, feed(student, batch), torch.from_numpy(batch["labels"]), numbers, 0.5, **more)


def test_students_that_begin_alike_stay_alike(rows: Any, tmp_path: Path) -> None:
    student, peer = tiny.model(1), tiny.model(1)
    train(student, rows, together(rows, student, [peer]), tmp_path / "a", precision="fp32")  # as peers are
    peer.eval()
    assert same(student, peer)
    assert not same(student, tiny.model(1))


def test_students_draw_each_other_together(rows: Any, tmp_path: Path) -> None:
    import numpy as np

    from compactor.distillation.evaluate import predict

    def apart(weight: float, folder: str) -> float:
        student, peer = tiny.model(1), tiny.model(5)
        train(student, rows, together(rows, student, [peer], weight), tmp_path / folder)
        return float(np.abs(predict(student, rows, threads=1) - predict(peer, rows, threads=1)).mean())

    assert apart(20.0, "near") < 0.5 * apart(0.0, "far")


def test_without_weight_each_student_learns_as_if_alone(rows: Any, tmp_path: Path) -> None:
    from compactor.distillation.objective import Objective

    student, peer, alone = tiny.model(1), tiny.model(5), tiny.model(1)
    settings = {"clip_norm": 0.0}  # the length of the gradient is that of all students together
    train(student, rows, together(rows, student, [peer], 0.0), tmp_path / "a", **settings)
    train(alone, rows, Objective(losses(), signal(rows), alone), tmp_path / "b", **settings)
    assert same(student, alone)


def test_each_student_is_taught_by_the_mean_of_the_others(rows: Any) -> None:
    import numpy as np
    import torch
    from torch.nn import functional as F

    from compactor.models.feeding import feed

    models = [tiny.model(seed) for seed in (1, 5, 7)]
    numbers = np.arange(6)
    objective = together(rows, models[0], models[1:])
    total, parts = call(objective, models[0], rows, numbers)
    told = dict(zip(objective.terms, parts.tolist(), strict=True))
    with torch.no_grad():
        logs = [F.log_softmax(model(**feed(model, rows.batch(numbers))).logits, dim=1) for model in models]
    for number, name in enumerate(("mutual", "peer-2/mutual", "peer-3/mutual")):
        mean = sum(log.exp() for other, log in enumerate(logs) if other != number) / 2
        assert told[name] == pytest.approx(float(F.kl_div(logs[number], mean, reduction="batchmean")), rel=1e-4)
    weighted = [value * (1.0 if name.endswith("mutual") else 0.5) for name, value in told.items()]
    assert total.item() == pytest.approx(sum(weighted), rel=1e-5)


def test_a_peer_is_no_target_that_moves_towards_the_student(rows: Any) -> None:
    """The gradient of the student's own divergence reaches the student only."""
    import numpy as np

    student, peer = tiny.model(1), tiny.model(5)
    objective = together(rows, student, [peer], weight=1.0)
    total, _ = call(objective, student, rows, np.arange(6))
    total.backward()
    with_peer = peer.classifier.weight.grad.clone()
    objective.companions[0].zero_grad()
    objective.companions[0].weight = 0.0
    call(objective, student, rows, np.arange(6))[0].backward()
    assert not (with_peer == peer.classifier.weight.grad).all(), "the peer learns from the student too"


def test_parts_of_a_step_add_up_to_the_whole(rows: Any) -> None:
    import numpy as np
    import torch

    def gradient(cuts: list[Any]) -> tuple[float, Any, Any]:
        student, peer = tiny.model(1), tiny.model(5)
        objective = together(rows, student, [peer])
        labels = [torch.from_numpy(rows.batch(cut)["labels"]) for cut in cuts]
        masks = [torch.from_numpy(rows.batch(cut)["attention_mask"]) for cut in cuts]
        counts = sum(objective.counts(*each) for each in zip(labels, masks, cuts, strict=True)).tolist()
        total = 0.0
        for cut in cuts:
            loss, _ = call(objective, student, rows, cut, counts=counts)
            loss.backward()
            total += float(loss)
        return total, student.classifier.weight.grad, peer.classifier.weight.grad

    whole, parts = gradient([np.arange(8)]), gradient([np.arange(3), np.arange(3, 8)])
    assert whole[0] == pytest.approx(parts[0], rel=1e-5)
    assert torch.allclose(whole[1], parts[1], atol=1e-6)
    assert torch.allclose(whole[2], parts[2], atol=1e-6)
