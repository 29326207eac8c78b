"""Started by test_ema_teacher: trains with all companions, slowly, a checkpoint at every step, and writes all weights at the end."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.distillation import tiny
from tests.distillation.regimes.fitting import kl, losses, signal
from tests.distillation.train_tiny import _Slow


def main(folder: Path, checkpoints: Path, result: Path) -> None:
    """Train a student, a peer, an average and an exit."""
    from safetensors.torch import save_file
    from torch import nn

    from compactor.distillation.evaluate import accuracy, predict
    from compactor.distillation.losses import LOSSES
    from compactor.distillation.objective import Objective
    from compactor.distillation.regimes.ema_teacher import EmaTeacher
    from compactor.distillation.regimes.exits import Exits
    from compactor.distillation.regimes.mutual import Mutual
    from compactor.distillation.regimes.together import Together
    from compactor.distillation.trainer import TrainSettings, fit

    rows, student, peer = tiny.rows(folder), tiny.model(1), tiny.model(5)
    labels = LOSSES.load("cross_entropy")()
    exits = Exits(student, (1,), tiny.LABELS, label_loss=labels, teacher_loss=kl(), weight=0.5, labels=0.3, seed=0)
    mutual = Mutual(
        [peer],
        [Objective(losses(), signal(rows), peer)],
        loss=kl(),
        weight=1.0,
        problem_type="single_label_classification",
    )
    ema = EmaTeacher(loss=kl(), weight=1.0, decay=0.9, keep=True)
    objective = Together(Objective(losses(), signal(rows), student), [mutual, ema, exits])
    fit(
        student,
        rows,
        objective,
        TrainSettings(epochs=4.5, batch_size=8, learning_rate=5e-3, keep="best", checkpoint_seconds=1e-6),
        seed=5,
        threads=1,
        checkpoints=checkpoints,
        reporter=_Slow(),
        validate=lambda current: accuracy(predict(current, rows, threads=1), rows.labels),
    )
    everything = nn.ModuleList([student, peer, exits])
    save_file({name: value.contiguous() for name, value in everything.state_dict().items()}, result)


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
