"""A teacher whose weights are the mean of several trainings: one start, several orders of the rows and draws of dropout.

Source: Wortsman et al. 2022, model soups (arXiv:2203.05482), the uniform soup of section 2. Trainings that begin with the same weights,
those of a new head included, end in one valley, so that their mean answers much as all of them together would, at the price of one.
Neighbours: `ensemble` keeps the models apart, and students learn from the mean of their answers; `train.average` is the mean along
one training.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.atomic import fresh_folder, read_json, write_json
from compactor.base.finding import Finding

if TYPE_CHECKING:
    from compactor.stages._contract import Work


def cook(work: Work, count: int, make: Callable[[Work, int], None]) -> None:
    """Leave the mean of `count` trained models in the work's folder; one that a killed run had finished is not trained again.

    Args:
        work: the teacher stage's; its facts become those of the first training, with `validation` of the mean, and `soup`.
        count: trainings, in the orders of the work's seed and of the seeds after it.
        make: fills the folder of the work it is handed; its second argument is the seed of the first weights, the same for all.
    """
    trained = [_train(work, number, count, make) for number in range(count)]
    shutil.copytree(trained[0] / "model", work.folder, dirs_exist_ok=True)
    facts = [read_json(folder / "facts.json") for folder in trained]
    work.facts.update(facts[0])
    work.facts["validation"] = _save_mean(work, [folder / "model" for folder in trained])
    mean, alone = work.facts["validation"]["value"], [one["validation"]["value"] for one in facts]
    work.facts["soup"] = {"metric": work.facts["validation"]["metric"], "validation": alone, "mean": mean}
    if mean < min(alone):
        sentence = f"the mean of {count} trainings reaches {mean:.4f} on validation rows, each of them {min(alone):.4f} or more"
        hint = "their weights lie too far apart: lower learning_rate or epochs, or leave soup out"
        work.reporter.finding(Finding("L114", "warning", sentence, hint, "teacher.soup"))


def _train(work: Work, number: int, count: int, make: Callable[[Work, int], None]) -> Path:
    done = work.checkpoints / "soup" / str(number + 1)
    if not done.is_dir():
        work.reporter.say(f"training {number + 1} of {count}, whose mean will be the teacher")
        with fresh_folder(done) as folder:
            model, checkpoints = folder / "model", work.checkpoints / f"soup-{number + 1}"
            model.mkdir()
            part = replace(work, folder=model, checkpoints=checkpoints, seed=work.seed + number, facts={})
            make(part, work.seed)
            write_json(folder / "facts.json", part.facts)
    return done


def _save_mean(work: Work, folders: list[Path]) -> dict[str, Any]:
    """Save the mean of the models' weights, added up in float64, in the work's folder; return what it reaches on validation rows."""
    from compactor.models import save
    from compactor.stages._fitting import validation_value
    from compactor.stages._inputs import load_model

    model = load_model(work, folders[0])
    total = {name: value.double() for name, value in model.state_dict().items() if value.is_floating_point()}
    for folder in folders[1:]:
        weights = load_model(work, folder).state_dict()
        for name, value in total.items():
            value += weights[name]
    model.load_state_dict({name: (value / len(folders)).float() for name, value in total.items()}, strict=False)
    save(model, work.folder, work.folder, labels=work.data.labels)
    return validation_value(model, work, work.folder)
