"""compactor's own steps, as `fit` makes them, whole or with one part left out."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification

from compactor.base.reporter import Reporter
from compactor.data import Encoded
from compactor.distillation import pieces
from compactor.distillation.evaluate import predict
from compactor.distillation.inside import InsideParts, TeacherInside, write_inside
from compactor.distillation.loop import Training
from compactor.distillation.losses import Outputs, parse_losses
from compactor.distillation.objective import Objective, TeacherSignal
from compactor.distillation.precision import computing_in
from compactor.distillation.processes import connect
from compactor.distillation.recording import shape_of
from compactor.distillation.steps import Steps
from compactor.distillation.trainer import Job, TrainSettings

BATCHES, BATCH = 12, 32
LOSSES: list[Any] = [{"hinton": {"temperature": 2.0, "weight": 0.9}}, {"cross_entropy": {"weight": 0.1}}]


class RunsAlong(Objective):
    """Asks the teacher at every step instead of looking its answers up."""

    asked: Any = None

    def _taught(self, inputs: Any, rows: np.ndarray, like: Any, answered: Any) -> Outputs:
        with torch.no_grad():
            return Outputs(self.asked[0](**inputs).logits)


class Part:
    """Some of the rows, and as `Encoded` otherwise."""

    def __init__(self, encoded: Encoded, rows: np.ndarray) -> None:
        self.encoded, self.rows, self.lengths, self.answers = encoded, rows, encoded.lengths[rows], len(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: np.ndarray) -> Any:
        """Return padded rows."""
        return self.encoded.batch(self.rows[rows])

    def answer_rows(self, rows: np.ndarray) -> np.ndarray:
        """Return where their answers stand."""
        return rows

    def gather(self, output: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the answers of a batch."""
        return output


def main(folder: Path, name: str) -> None:
    """Make ready, then train for a moment at every line of the input."""
    torch.set_num_threads(1)
    load = AutoModelForSequenceClassification.from_pretrained
    teacher, student = (load(folder / which, attn_implementation="eager").float() for which in ("teacher", "student"))
    encoded = Encoded(folder / "encoded", 0)
    if "whole" in name:
        pieces.LARGEST_SHARE = -1.0
    logits = np.zeros((len(encoded), 77), dtype=np.float32)
    kind = RunsAlong if "along" in name else Objective
    objective = kind(*taught(name, logits, teacher, student, encoded, folder), student)
    if isinstance(objective, RunsAlong):
        objective.asked = [teacher.eval().requires_grad_(False)]
    training = Training(Job(student, encoded, objective, TrainSettings(batch_size=BATCH), 0, 1), connect(), None, Reporter())
    order = training._order(0)
    if "random" in name:
        order = np.array_split(np.random.default_rng(0).permutation(len(encoded)), len(order))
    # Batches of all lengths in their shares: every so many-th of the epoch's, sorted by length.
    order.sort(key=lambda rows: int(encoded.lengths[rows].max()))
    chosen = [order[int((number + 0.5) * len(order) / BATCHES)] for number in range(BATCHES)]
    part = Part(encoded, np.concatenate(chosen))
    steps = Steps(training.job, training.crew, training.optimizer, training.named, 10_000)
    made = 0
    gflop = count_gflop(steps, chosen)
    padded = sum(len(rows) * int(encoded.lengths[rows].max()) for rows in chosen)
    padding = 1 - sum(int(encoded.lengths[rows].sum()) for rows in chosen) / padded
    print(json.dumps({"ready": True}), flush=True)
    precision: Literal["fp32", "bf16"] = "bf16" if "bf16" in name else "fp32"
    for _ in sys.stdin:
        more = {"peak_gflops": peak_gflops(), "teacher_per_cpu_s": teacher_rate(teacher, part)} if name == "compactor" else {}
        wall, cpu = time.perf_counter(), time.process_time()
        with computing_in(precision, student, training.crew.device):
            for rows in chosen:
                steps.make(rows, made)
                made += 1
        spent = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        samples = sum(len(rows) for rows in chosen)
        print(json.dumps({"samples": samples, **spent, "padding": padding, "gflop": gflop, **more}), flush=True)


def taught(
    name: str, logits: np.ndarray, teacher: Any, student: Any, encoded: Encoded, folder: Path
) -> tuple[Any, TeacherSignal]:
    """Return the losses and what teaches; what is read inside the teacher is kept, unless that is what is left out."""
    if "states" not in name:
        return parse_losses(LOSSES), TeacherSignal(logits)
    losses = parse_losses([*LOSSES, {"hidden_states": {"weight": 0.5}}])
    if "beside" in name:
        return losses, TeacherSignal(logits, teacher)
    shape = shape_of(teacher)
    parts = InsideParts.of(losses, [shape_of(student)], shape)
    write_inside(teacher, encoded, folder / "inside", parts, shape, threads=1, reporter=Reporter())
    return losses, TeacherSignal(logits, teacher, TeacherInside(folder / "inside", parts, shape, encoded))


def count_gflop(steps: Steps, chosen: list[np.ndarray]) -> float:
    """Return the operations in matrix products of one turn, two for each multiplication and addition."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        for rows in chosen:
            steps._backward(rows, 0)
    steps.optimizer.zero_grad(set_to_none=True)
    return counter.get_total_flops() / 1e9


def peak_gflops(size: int = 1024, times: int = 6) -> float:
    """Return what torch.mm of two square float32 matrices reaches by CPU time, the best of some."""
    one, other, best = torch.randn(size, size), torch.randn(size, size), 0.0
    for _ in range(times):
        cpu = time.process_time()
        torch.mm(one, other)
        best = max(best, 2 * size**3 / (time.process_time() - cpu) / 1e9)
    return best


def teacher_rate(teacher: Any, part: Any) -> float:
    """Return how many texts per CPU second the teacher answers, sorted by length as when its answers are kept."""
    cpu = time.process_time()
    predict(teacher, part, threads=1)
    return len(part) / (time.process_time() - cpu)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
