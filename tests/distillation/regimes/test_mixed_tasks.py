"""Several data sets, one encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compactor.distillation.regimes.settings import FurtherTask
from tests.distillation import tiny
from tests.distillation.regimes.fitting import losses, same, signal, train

pytestmark = pytest.mark.model
TASK = FurtherTask.model_validate({"name": "other", "data": {"train": "other.csv"}, "weight": 0.7})


@pytest.fixture
def mixed(rows: Any, tmp_path: Path) -> Any:
    from compactor.distillation.regimes.mixing import MixedRows

    return MixedRows([rows, tiny.rows(tmp_path / "other", count=30, seed=3)])


def objective_of(rows: Any, mixed: Any, student: Any, weight: float = 0.7) -> Any:
    from compactor.distillation.objective import Objective
    from compactor.distillation.regimes.mixed_tasks import MixedTasks, new_heads

    heads = new_heads(student, [tiny.LABELS], seed=0)
    task = TASK.model_copy(update={"weight": weight})
    return MixedTasks(Objective(losses(), signal(rows), student), heads, starts=mixed.starts, tasks=[task])


def test_rows_of_all_sets_in_the_order_asked_for(rows: Any, mixed: Any, tmp_path: Path) -> None:
    other = tiny.rows(tmp_path / "again", count=30, seed=3)
    assert len(mixed) == 90
    asked = np.array([75, 2, 60, 59])
    batch = mixed.batch(asked)
    for place, (part, number) in enumerate([(other, 15), (rows, 2), (other, 0), (rows, 59)]):
        alone = part.batch(np.array([number]))
        length = alone["input_ids"].shape[1]
        assert batch["input_ids"][place, :length].tolist() == alone["input_ids"][0].tolist()
        assert batch["attention_mask"][place].sum() == length == mixed.lengths[asked[place]]
        assert (batch["input_ids"][place, length:] == 0).all()
        assert batch["labels"][place] == alone["labels"][0] == mixed.labels[asked[place]]


def test_each_row_is_taught_by_its_own_head(rows: Any, mixed: Any) -> None:
    import torch
    from torch.nn import functional as F

    from compactor.models.feeding import feed

    student = tiny.model(1)
    objective = objective_of(rows, mixed, student)
    asked = np.array([75, 2, 60, 59, 80])
    batch = mixed.batch(asked)
    labels = torch.from_numpy(batch["labels"])
    total, parts = objective(student, feed(student, batch), labels, asked, 0.0)
    told = dict(zip(objective.terms, parts.tolist(), strict=True))
    with torch.no_grad():
        inputs = feed(student, batch)
        features = student.bert(**{name: value[[0, 2, 4]] for name, value in inputs.items()}).pooler_output
        expected = F.cross_entropy(objective.heads[0](features), labels[[0, 2, 4]])
        main, _ = objective.objective(
            student, {name: value[[1, 3]] for name, value in inputs.items()}, labels[[1, 3]], asked[[1, 3]], 0.0
        )
    assert told["task/other"] == pytest.approx(float(expected), rel=1e-4)
    assert total.item() == pytest.approx(float(main) + 0.7 * float(expected), rel=1e-5)
    assert objective.counts(labels, inputs["attention_mask"], asked).tolist() == [2, 2, 3]


def test_a_batch_without_rows_of_a_set(rows: Any, mixed: Any) -> None:
    import torch

    from compactor.models.feeding import feed

    student = tiny.model(1)
    objective = objective_of(rows, mixed, student)
    for asked in (np.array([1, 2]), np.array([70, 71])):
        batch = mixed.batch(asked)
        total, parts = objective(student, feed(student, batch), torch.from_numpy(batch["labels"]), asked, 0.0)
        assert torch.isfinite(total)
        assert (parts == 0).any()


def test_both_heads_learn_and_the_model_stays_a_classifier_of_the_main_task(rows: Any, mixed: Any, tmp_path: Path) -> None:
    from compactor.distillation.evaluate import accuracy, predict

    student = tiny.model(1)
    facts = train(student, mixed, objective_of(rows, mixed, student), tmp_path / "a", epochs=10.0, learning_rate=2e-2)
    assert facts["rows"] == 90
    first, last = (line["parts"]["task/other"] for line in (facts["curve"][1], facts["curve"][-1]))
    assert last < 0.3 * first
    assert accuracy(predict(student, rows, threads=1), rows.labels) > 0.9


def test_resumed_after_steps_in_which_a_head_had_no_rows(rows: Any, tmp_path: Path) -> None:
    from compactor.distillation.regimes.mixing import MixedRows

    mixed = MixedRows([rows, tiny.rows(tmp_path / "other", count=1, seed=3)])
    once, again = tiny.model(1), tiny.model(1)
    train(once, mixed, objective_of(rows, mixed, once), tmp_path / "a", epochs=2.0)

    class KilledError(Exception):
        pass

    objective = objective_of(rows, mixed, again)
    seen: list[int] = []

    def stop(student: Any) -> None:
        seen.append(1)
        if len(seen) == 3:
            raise KilledError

    objective.after_step = stop
    with pytest.raises(KilledError):
        train(again, mixed, objective, tmp_path / "b", epochs=2.0, checkpoint_seconds=1e-9)
    again = tiny.model(1)
    facts = train(again, mixed, objective_of(rows, mixed, again), tmp_path / "b", epochs=2.0)
    assert facts["resumed_from_step"] == 2
    assert same(once, again)
