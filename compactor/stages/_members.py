"""A teacher of several seeds: further models made as the first one is, kept below its folder; students learn from the mean of all.

Source: Lakshminarayanan et al. 2017, deep ensembles (arXiv:1612.01474), section 2.4; as a teacher, Hinton et al. 2015 (arXiv:1503.02531).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from compactor.base.atomic import fresh_folder
from compactor.stages._teachers import MEMBERS, problem_type

if TYPE_CHECKING:
    from compactor.stages._contract import Work


def make_members(work: Work, count: int, make: Callable[[Work], None]) -> None:
    """Make the further models, from the seeds after the work's; one that a killed run had finished is not made again.

    Args:
        work: the teacher stage's; they go into its folder.
        count: models in all, the first one included, which the stage makes itself.
        make: fills the folder of the work that it is handed.
    """
    for number in range(2, count + 1):
        done = work.checkpoints / MEMBERS / str(number)
        if not done.is_dir():
            work.reporter.say(f"teacher {number} of {count}")
            with fresh_folder(done) as folder:
                seed, checkpoints = work.seed + number - 1, work.checkpoints / f"member-{number}"
                make(replace(work, folder=folder, checkpoints=checkpoints, seed=seed, facts={}))
        shutil.copytree(done, work.folder / MEMBERS / str(number))


def members_facts(work: Work, count: int) -> dict[str, Any]:
    """Return how well each model answers the validation rows, and all together: `{metric, validation, together}`."""
    import torch

    from compactor.distillation.evaluate import predict
    from compactor.distillation.regimes.averaging import mean_of_answers
    from compactor.stages._inputs import encoded
    from compactor.stages._small_teacher import load_teacher

    folders = [work.folder, *(work.folder / MEMBERS / str(number) for number in range(2, count + 1))]
    rows = [encoded(work, folder, "validation") for folder in folders]
    answers = [
        predict(load_teacher(work, folder), held_out, threads=work.threads)
        for folder, held_out in zip(folders, rows, strict=True)
    ]
    mean = mean_of_answers([torch.from_numpy(one) for one in answers], [1.0] * count, problem_type(work.task)).numpy()
    told: dict[str, Any] = {"split": "validation", "seed": work.seed, "names": work.data.labels}
    scores = [work.task.quality(one, rows[0].labels, **told) for one in [*answers, mean]]
    *alone, together = [score.value for score in scores]
    return {"metric": scores[0].metric, "validation": alone, "together": together}
