"""What is kept of a teacher is what it would give at every step: the same losses, the same gradients, and only what is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.base.reporter import Reporter
from compactor.distillation.losses import LOSSES, Loss, needs, parse_losses
from tests.distillation import tiny

pytestmark = pytest.mark.model

LOOK_INSIDE = [name for name in LOSSES.names() if LOSSES.load(name).needs & {"hidden_states", "relations"}]
OPTIONS: dict[str, dict[str, Any]] = {"minilm_relations": {"heads": 2}, "relational": {"of": "mean"}}


def kept(folder: Path, teacher: Any, student: Any, losses: Any, rows: Any) -> Any:
    from compactor.distillation.inside import InsideParts, TeacherInside, write_inside
    from compactor.distillation.recording import shape_of

    shape = shape_of(teacher)
    parts = InsideParts.of(losses, [shape_of(student)], shape)
    write_inside(teacher, rows, folder, parts, shape, threads=1, reporter=Reporter())
    return TeacherInside(folder, parts, shape, rows)


def value(objective: Any, student: Any, rows: Any, numbers: np.ndarray) -> tuple[float, list[Any]]:
    """Return the loss at the end of training, where all pairs of layers have joined, and the student's gradients."""
    import torch

    from compactor.models.feeding import feed

    student.zero_grad()
    batch = rows.batch(numbers)
    total, _ = objective(student, feed(student, batch), torch.from_numpy(batch["labels"]), numbers, 1.0)
    total.backward()
    return float(total.detach()), [parameter.grad for parameter in student.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("name", LOOK_INSIDE)
def test_a_loss_is_the_same_as_with_the_teacher_beside(name: str, rows: Any, tmp_path: Path) -> None:
    import torch

    from compactor.distillation.objective import Objective, TeacherSignal

    teacher, student = tiny.model(0, layers=4), tiny.model(1, layers=2)
    losses = parse_losses([{name: OPTIONS.get(name, {})}])
    inside = kept(tmp_path / "inside", teacher, student, losses, rows)
    numbers = np.random.default_rng(0).permutation(len(rows))[:9]
    beside = value(Objective(losses, TeacherSignal(None, teacher), student), student, rows, numbers)
    looked_up = value(Objective(losses, TeacherSignal(None, teacher, inside), student), student, rows, numbers)
    assert looked_up[0] == pytest.approx(beside[0], rel=1e-4)
    for one, other in zip(looked_up[1], beside[1], strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-5)


def test_the_teacher_is_not_run_where_it_is_kept(rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from compactor.distillation.objective import Objective, TeacherSignal

    teacher, student = tiny.model(0, layers=4), tiny.model(1)
    losses = parse_losses(["tinybert", "minilm"])
    inside = kept(tmp_path / "inside", teacher, student, losses, rows)
    objective = Objective(losses, TeacherSignal(None, teacher, inside), student)
    monkeypatch.setattr(teacher, "forward", lambda *given, **named: pytest.fail("the teacher ran"))
    assert value(objective, student, rows, np.arange(5))[0] > 0


def test_only_what_losses_read_takes_disk(rows: Any, tmp_path: Path) -> None:
    kept(tmp_path / "inside", tiny.model(0, layers=4), tiny.model(1), parse_losses(["relational", "minilm"]), rows)
    assert {path.name for path in (tmp_path / "inside").iterdir()} == {"state-4.npy", "query-3.npy", "key-3.npy", "value-3.npy"}
    assert np.load(tmp_path / "inside" / "state-4.npy").shape == (rows.lengths.sum(), 16)


def test_a_loss_that_reads_more_than_it_names_is_told(rows: Any, tmp_path: Path) -> None:
    from compactor.distillation.objective import Objective, TeacherSignal

    class Greedy(LOSSES.load("hidden_states")):  # type: ignore[misc]
        def teacher_states(self, student: Any, teacher: Any) -> list[int]:
            return [4]

    teacher, student = tiny.model(0, layers=4), tiny.model(1)
    (term,) = parse_losses(["hidden_states"])
    losses = (term.model_copy(update={"loss": Greedy()}),)
    inside = kept(tmp_path / "inside", teacher, student, losses, rows)
    with pytest.raises(StageError, match=r"L143.*hidden state 2"):
        value(Objective(losses, TeacherSignal(None, teacher, inside), student), student, rows, np.arange(4))


def test_a_loss_of_a_users_own_keeps_all_states() -> None:
    from compactor.distillation.losses import Shape

    class Own(Loss):
        needs = frozenset({"hidden_states"})

        def __call__(self, batch: Any) -> Any:
            return batch.student.logits.sum(), 1

    assert list(Own().teacher_states(Shape(2, 8), Shape(3, 8))) == [0, 1, 2, 3]
    assert needs(parse_losses(["hinton"])).isdisjoint({"hidden_states"})


def test_helping_processes_map_the_same_files(rows: Any, tmp_path: Path) -> None:
    import torch

    from compactor.distillation.sending import pack, unpack

    inside = kept(tmp_path / "inside", tiny.model(0), tiny.model(1, layers=1), parse_losses(["tinybert"]), rows)
    sent = pack(inside)
    assert len(sent) < (tmp_path / "inside" / "state-2.npy").stat().st_size
    numbers = np.array([3, 5])
    mask = torch.from_numpy(rows.batch(numbers)["attention_mask"])
    ours, theirs = inside.batch(numbers, mask), unpack(sent).batch(numbers, mask)
    assert torch.equal(ours[0][2], theirs[0][2])
    assert torch.equal(ours[1][1][0], theirs[1][1][0])
