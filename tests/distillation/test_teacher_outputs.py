"""The kept answers of a teacher."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.base.reporter import Reporter
from compactor.distillation.keeping import TeacherOutputs, keeping_problems
from tests.distillation import tiny

pytestmark = pytest.mark.model
REPOSITORY = Path(__file__).parents[2]


def test_they_are_the_teachers_one_by_one_and_refused_for_anything_else(rows: Any, tmp_path: Path) -> None:
    import torch

    from compactor.distillation.teacher_outputs import teacher_logits, write_teacher_logits
    from compactor.models.feeding import feed

    teacher, identity = tiny.model(3), {"teacher": "a", "rows": "b"}
    write_teacher_logits(teacher, rows, tmp_path, identity, threads=1, reporter=Reporter())
    kept = teacher_logits(tmp_path, identity, len(rows))
    assert kept.dtype == np.float32
    assert isinstance(kept, np.memmap)
    with torch.no_grad():
        for number in (0, 17, 59):
            alone = teacher(**feed(teacher, rows.batch(np.array([number])))).logits[0].numpy()
            assert np.allclose(kept[number], alone, atol=1e-5)
    with pytest.raises(StageError, match="another teacher"):
        teacher_logits(tmp_path, {**identity, "teacher": "c"}, len(rows))
    with pytest.raises(StageError, match="60 rows, not 61"):
        teacher_logits(tmp_path, identity, 61)


def test_asked_for_in_bf16_the_layers_round_and_the_head_does_not(rows: Any, tmp_path: Path) -> None:
    from compactor.distillation.teacher_outputs import teacher_logits, write_teacher_logits

    teacher, given = tiny.model(3), []
    teacher.classifier.register_forward_hook(lambda _module, inputs, output: given.extend([inputs[0].dtype, output.dtype]))
    for precision in ("fp32", "bf16"):
        (tmp_path / precision).mkdir()
        write_teacher_logits(teacher, rows, tmp_path / precision, {}, threads=1, reporter=Reporter(), precision=precision)
    exact, rounded = (teacher_logits(tmp_path / precision, {}, len(rows)) for precision in ("fp32", "bf16"))
    assert {str(kind) for kind in given} == {"torch.float32"}
    assert 0 < np.abs(rounded - exact).max() < 0.05 * np.abs(exact).max()


def test_written_in_several_blocks_they_are_the_same(rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from compactor.distillation import teacher_outputs

    monkeypatch.setattr(teacher_outputs, "BLOCK_ROWS", 32)
    teacher = tiny.model(3)
    teacher_outputs.write_teacher_logits(teacher, rows, tmp_path, {}, threads=1, reporter=Reporter())
    from compactor.distillation.evaluate import predict

    kept = teacher_outputs.teacher_logits(tmp_path, {}, len(rows))
    assert np.allclose(kept, predict(teacher, rows, threads=1), atol=1e-5)


def test_a_teacher_that_answers_nan_is_refused_with_the_row(rows: Any, tmp_path: Path) -> None:
    import torch

    from compactor.distillation.teacher_outputs import write_teacher_logits

    teacher = tiny.model(3)
    with torch.no_grad():
        teacher.bert.embeddings.word_embeddings.weight[10] = float("nan")
    with pytest.raises(StageError, match=r"answer to row \d+ is not a number"):
        write_teacher_logits(teacher, rows, tmp_path, {}, threads=1, reporter=Reporter())


def test_the_highest_logits_and_the_rest_make_up_the_whole() -> None:
    from compactor.distillation.teacher_outputs import top_of

    logits = (np.random.default_rng(0).standard_normal((40, 1000)) * 3).astype(np.float32)
    values, indices, rest = top_of(logits, TeacherOutputs(top_k=7, temperature=2.5))
    assert np.array_equal(values, -np.sort(-logits, axis=1)[:, :7])
    assert np.array_equal(np.take_along_axis(logits, indices, axis=1), values)
    whole = np.log(np.exp(logits.astype(np.float64) / 2.5).sum(axis=1))
    both = np.logaddexp(np.log(np.exp(values.astype(np.float64) / 2.5).sum(axis=1)), rest)
    assert np.allclose(both, whole, atol=1e-6)


def test_the_rest_of_a_teacher_that_is_nearly_sure_is_not_lost_to_rounding() -> None:
    from compactor.distillation.teacher_outputs import top_of

    logits = np.zeros((1, 50), dtype=np.float32)
    logits[0, 3] = 60.0
    _, _, rest = top_of(logits, TeacherOutputs(top_k=1))
    assert rest[0] == pytest.approx(np.log(49))


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_one_left_out_equals_all_in_value_and_gradient(rows: Any, tmp_path: Path, temperature: float) -> None:
    """The rest of C - 1 kept logits is one class: nothing is lost, through the files and the loss."""
    import torch

    from compactor.distillation.losses import parse_losses
    from compactor.distillation.objective import Objective, TeacherSignal
    from compactor.distillation.teacher_outputs import teacher_logits, top_teacher_logits, write_teacher_logits
    from compactor.models.feeding import feed

    teacher, numbers = tiny.model(3), np.random.default_rng(0).permutation(60)[:20]
    kept = TeacherOutputs(top_k=tiny.LABELS - 1, temperature=temperature)
    for name, keep in (("all", None), ("top", kept)):
        (tmp_path / name).mkdir()
        write_teacher_logits(teacher, rows, tmp_path / name, {}, threads=1, reporter=Reporter(), kept=keep)
    found = []
    for signal in (teacher_logits(tmp_path / "all", {}, 60), top_teacher_logits(tmp_path / "top", {}, 60)):
        student = tiny.model(1)
        objective = Objective(parse_losses([{"hinton": {"temperature": temperature}}]), TeacherSignal(signal), student)
        batch = rows.batch(numbers)
        total, _ = objective(student, feed(student, batch), torch.from_numpy(batch["labels"]), numbers, 0.0)
        total.backward()
        found.append((total.item(), student.classifier.weight.grad))
    assert found[0][0] > 1e-3
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-5)
    assert torch.allclose(found[0][1], found[1][1], rtol=1e-4, atol=1e-7)


def test_as_many_as_there_are_labels_are_refused(rows: Any, tmp_path: Path) -> None:
    from compactor.distillation.teacher_outputs import write_teacher_logits

    kept = TeacherOutputs(top_k=tiny.LABELS)
    with pytest.raises(StageError, match="keeps 3 of 3 logits"):
        write_teacher_logits(tiny.model(3), rows, tmp_path, {}, threads=1, reporter=Reporter(), kept=kept)


def test_a_loss_at_another_temperature_is_refused_before_any_work() -> None:
    from compactor.distillation.losses import parse_losses

    losses = parse_losses([{"hinton": {"temperature": 2.0}}, "cross_entropy", {"hinton": {"temperature": 4.0}}])
    found = list(keeping_problems(TeacherOutputs(temperature=2.0), losses, ("losses",)))
    assert [path for path, _ in found] == [("losses", 2, "hinton")]
    assert found[0][1].code == "P172"
    assert list(keeping_problems(None, losses, ("losses",))) == []


GROWTH = """
import sys
from pathlib import Path
import numpy as np, torch
from compactor.base.reporter import Reporter
from compactor.distillation.teacher_outputs import write_teacher_logits
from tests.distillation import tiny

class Many:
    lengths, answers = np.full(int(sys.argv[2]), 4), int(sys.argv[2])
    def __len__(self): return self.answers
    def batch(self, rows):
        ones = np.ones((len(rows), 4), np.int64)
        return {"input_ids": ones, "attention_mask": ones, "token_type_ids": 0 * ones}
    def answer_rows(self, rows): return rows
    def gather(self, output, rows): return output

teacher = tiny.model(1, layers=1)
teacher.classifier = torch.nn.Linear(16, 2000)
write_teacher_logits(teacher, Many(), Path(sys.argv[1]), {}, threads=1, reporter=Reporter())
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) / 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads VmHWM")
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """60,000 rows of 2,000 logits are 480 MB; 10,000 are 80 MB. A block of 8,192 rows is 66 MB."""

    def peak_mb(rows: int) -> float:
        folder = tmp_path / str(rows)
        folder.mkdir()
        command = [sys.executable, "-c", GROWTH, str(folder), str(rows)]
        return float(subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout)

    assert peak_mb(60_000) - peak_mb(10_000) < 60
