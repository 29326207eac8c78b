"""Born-again generations: each student is new and of the same shape, and learns from the one before it.

Source: Furlanello et al. 2018, Born-Again Neural Networks (arXiv:1805.04770), section 3.1.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.atomic import fresh_folder, read_json, write_json
from compactor.stages._distilling import Course
from compactor.stages._teachers import TeacherModel, content_of

if TYPE_CHECKING:
    from compactor.stages._contract import Work
    from compactor.stages._student import Prepared
    from compactor.stages.distill import Distill

MODEL, FACTS = "model", "facts.json"


def teach_generations(stage: Distill, work: Work, prepared: Prepared, teachers: Sequence[TeacherModel]) -> None:
    """Fill `work.folder` with the generation that is kept, and `work.facts` with what happened to all of them.

    A finished generation lies with the checkpoints and is not made again after a kill. Its answers are kept in the store like any
    teacher's.
    """
    regime = stage.born_again
    assert regime is not None
    folders = [work.checkpoints / f"generation-{number}" for number in range(1, regime.generations + 1)]
    told: list[dict[str, Any]] = []
    for number, folder in enumerate(folders, start=1):
        work.reporter.say(f"generation {number} of {regime.generations}")
        told.append(_generation(stage, work, prepared, teachers, folder, work.seed + number - 1))
        teachers = (TeacherModel(folder / MODEL, content_of(folder / MODEL)),)
    values = [facts["validation"]["value"] for facts in told]
    kept = max(range(len(values)), key=lambda place: values[place]) if regime.keep == "best" else len(values) - 1
    for path in (folders[kept] / MODEL).iterdir():
        shutil.copy2(path, work.folder / path.name)
    work.facts.update(told[kept])
    work.facts["generations"] = {"validation": values, "kept": kept + 1}


def _generation(
    stage: Distill, work: Work, prepared: Prepared, teachers: Sequence[TeacherModel], folder: Path, seed: int
) -> dict[str, Any]:
    """Make one generation, or find it made; return its facts."""
    from compactor.models import parameter_count

    if not (folder / MODEL).is_dir():
        learned = Course(stage, work, prepared, teachers, folder, seed).run()
        facts = {**learned.facts, "parameters": parameter_count(learned.model), "validation": learned.validation}
        write_json(folder / FACTS, facts)
        with fresh_folder(folder / MODEL) as scratch:
            learned.save(work, scratch)
        for rest in folder.glob("*/finished"):
            shutil.rmtree(rest, ignore_errors=True)
    found: dict[str, Any] = read_json(folder / FACTS)
    return found
