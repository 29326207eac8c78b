"""What every regime's objective must be fit for: other processes, and a step cut into parts."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from tests.distillation import tiny
from tests.distillation.regimes import test_ema_teacher, test_exits, test_mutual
from tests.distillation.regimes.fitting import losses, signal
from tests.distillation.regimes.test_mutual import call

pytestmark = pytest.mark.model


def companions(rows: Any, student: Any) -> Any:
    """Return an objective with all companions."""
    from compactor.distillation.objective import Objective
    from compactor.distillation.regimes.together import Together

    mutual = test_mutual.together(rows, student, [tiny.model(5)]).companions[0]
    average = test_ema_teacher.together(rows, student).companions[0]
    return Together(Objective(losses(), signal(rows), student), [mutual, average, test_exits.exits_of(student)])


def test_it_can_be_sent_to_another_process(rows: Any) -> None:
    import torch

    student = tiny.model(1)
    objective = companions(rows, student)
    sent_student, sent = pickle.loads(pickle.dumps((student, objective)))
    results = []
    for model, each in ((student, objective), (sent_student, sent)):
        each.begin(model)
        torch.manual_seed(0)  # the peer has dropout
        results.append(call(each, model, rows, np.arange(6))[1].tolist())
    assert results[0] == results[1]
    assert len(results[0]) == len(objective.terms)


def test_the_gradients_of_a_step_in_parts_add_up(rows: Any) -> None:
    import torch

    def gradients(cuts: list[Any]) -> dict[str, Any]:
        student = tiny.model(1, dropout=0.0)
        objective = companions(rows, student)
        objective.begin(student)
        objective.eval()
        batches = [rows.batch(cut) for cut in cuts]
        counts = sum(
            objective.counts(torch.from_numpy(batch["labels"]), torch.from_numpy(batch["attention_mask"]), cut)
            for batch, cut in zip(batches, cuts, strict=True)
        )
        for cut in cuts:
            call(objective, student, rows, cut, counts=counts.tolist())[0].backward()
        named = [*student.named_parameters(), *objective.named_parameters()]
        return {name: value.grad for name, value in named if value.grad is not None}

    whole, parts = gradients([np.arange(16)]), gradients(np.array_split(np.arange(16), 4))
    assert whole.keys() == parts.keys()
    assert any("heads" in name for name in whole)
    assert any("peers" in name for name in whole)
    for name, value in whole.items():
        assert torch.allclose(value, parts[name], atol=1e-6), name
