"""One YAML file, checked and frozen; it knows the line and column of each value. All mistakes are told at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from compactor.base.errors import Problem, ProfileError
from compactor.base.registry import Registry
from compactor.base.suggest import did_you_mean
from compactor.data.settings import DataSettings
from compactor.pipeline.also import Elsewhere
from compactor.pipeline.beside import beside_problems
from compactor.pipeline.budget import Budget
from compactor.pipeline.depth import depth_problems
from compactor.pipeline.head import Controls, Head
from compactor.pipeline.lineage import lineage_problems
from compactor.pipeline.named_files import data_problems, find, model_problems, near_folders
from compactor.pipeline.overrides import override
from compactor.pipeline.plain_graph import plain_graph_problems
from compactor.pipeline.reader import DataPath, Places, read_document
from compactor.pipeline.rounding import rounding_problems
from compactor.pipeline.steps import Step, decoder_problems, read_steps, teaching_problems
from compactor.pipeline.task_data import task_data_problems, wants_labels
from compactor.pipeline.translate import translate
from compactor.stages import STAGES, Stage
from compactor.targets import Target, load_target, resolved, target_names
from compactor.tasks import TASKS, Task

__all__ = ["Head", "Profile", "Step", "load_profile", "near_folders"]


@dataclass(frozen=True)
class Profile:
    """A checked profile.

    Attributes:
        name: of the run folder.
        task: what the model must do.
        target: where it must run.
        budget: limits that decide pass or fail.
        seed: for every random choice.
        data: which rows, which columns.
        steps: the stages in order.
        controls: which rows outside the chain to make.
        path: the file as it was named.
        text: the YAML as run, overrides applied, comments kept.
        overrides: what `--set` said, in order.
        places: line and column of each value; of `--set` for an overridden one.
        near: folders against which relative paths are resolved, first match wins.
        also: further targets that the packaged model is measured on.
    """

    name: str
    task: Task
    target: Target
    budget: Budget
    seed: int
    data: DataSettings
    steps: tuple[Step, ...]
    controls: Controls
    path: Path
    text: str
    overrides: tuple[str, ...]
    places: Places
    near: tuple[Path, ...]
    also: tuple[Elsewhere, ...] = ()


def load_profile(
    path: Path, overrides: Sequence[str] = (), *, check_files: bool = True, registry: Registry[Stage] = STAGES
) -> Profile:
    """Read, override and check a profile.

    Args:
        path: the YAML file.
        overrides: `name=value` texts, as `--set` takes them.
        check_files: also look whether data files, their columns and model folders are there.
        registry: where stage names are looked up.

    Raises:
        ProfileError: with every problem that was found, sorted by line.
    """
    path = Path(path)
    document = override(read_document(path), overrides)
    data, places, near = document.data, document.places, near_folders(path)
    problems: list[Problem] = []
    head = _head(data, places, problems)
    task = _task(data.get("task"), places, problems)
    target = _target(data.get("target"), places, near, problems)
    also = _also(head, places, near, problems)
    steps, found = read_steps(data, places, near, registry)
    problems += found
    if task is not None and target is not None:
        for step in steps:
            problems += [
                _placed(inside, problem, step, places) for inside, problem in step.stage.problems(task=task, target=target)
            ]
    if task is not None and head is not None:
        problems += task_data_problems(task, head.data, places)
    if task is not None:
        problems += teaching_problems(steps, task)
        problems += beside_problems(steps, places)
        problems += lineage_problems(steps, task, places)
    problems += plain_graph_problems(steps)
    if target is not None:
        problems += rounding_problems(steps, target, places)
    if check_files:
        problems += [problem for step in steps for problem in model_problems(step, near, places)]
        problems += decoder_problems(steps, task, near) if task is not None else []
        problems += depth_problems(steps, task, near, places)
        problems += [_placed(inside, each, step, places) for step in steps for inside, each in step.stage.file_problems(near)]
        named = head.data if head is not None else _data_alone(data.get("data"))
        sees = None if task is None else task.input_kind == "image"
        labelled = named is not None and (task is None or wants_labels(task, named))
        problems += data_problems(named, near, places, labelled=labelled, sees=sees) if named is not None else []
    if problems or head is None or task is None or target is None:
        raise ProfileError(list(dict.fromkeys(problems)))
    return Profile(
        head.name, task, target, head.budget, head.seed, head.data, tuple(steps), head.controls,
        path, document.text, tuple(overrides), places, near, also,
    )  # fmt: skip


def _head(data: dict[str, Any], places: Places, problems: list[Problem]) -> Head | None:
    """Check everything but the stages; an empty section (`budget:` and nothing below) counts as absent."""
    given = {name: value for name, value in data.items() if value is not None or name not in {"budget", "controls", "also"}}
    if "stages" in given and not isinstance(given["stages"], list):
        given["stages"] = []  # told by `read_steps`, with an example
    try:
        return Head.model_validate(given)
    except ValidationError as error:
        problems += translate(error, Head, data, places)
        return None


def _data_alone(given: Any) -> DataSettings | None:
    """Read the data's settings when the rest of the head is wrong, so that a missing file is told at once too."""
    try:
        return DataSettings.model_validate(given)
    except ValidationError:
        return None  # told by `_head`


def _task(name: Any, places: Places, problems: list[Problem]) -> Task | None:
    if not isinstance(name, str):
        return None  # told by `_head`
    known = [task.replace("_", "-") for task in TASKS.names()]
    if name not in known:
        problems.append(Problem("P030", f"there is no task {name!r}", did_you_mean(name, known), places.value(("task",))))
        return None
    return TASKS.load(name)()


def _also(head: Head | None, places: Places, near: tuple[Path, ...], problems: list[Problem]) -> tuple[Elsewhere, ...]:
    found = []
    for number, each in enumerate(head.also if head is not None else []):
        target = _target(each.target, places, near, problems, ("also", number, "target"))
        if target is None:
            continue
        found.append(Elsewhere(target, each.via))
        if problem := found[-1].problem:
            problems.append(Problem(*problem, places.value(("also", number, "via"))))
    return tuple(found)


def _target(
    name: Any, places: Places, near: tuple[Path, ...], problems: list[Problem], where: DataPath = ("target",)
) -> Target | None:
    """Load a shipped target, or a user's own file, whose mistakes are told with its own lines."""
    if not isinstance(name, str):
        return None  # told by `_head`
    place = places.value(where)
    if not name.endswith((".yaml", ".yml")):
        if name in target_names():
            return load_target(name)
        hint = did_you_mean(name, target_names())
        problems.append(Problem("P031", f"there is no target {name!r}", f"{hint} or the path of a target YAML", place))
        return None
    path = find(name, near)
    if path is None:
        looked = ", ".join(str(folder) for folder in near)
        problems.append(Problem("P031", f"there is no target file {name}; looked in {looked}", "check the path", place))
        return None
    try:
        document = read_document(path)
        return Target.model_validate(resolved(document.data))
    except ProfileError as error:
        problems += error.problems
    except ValidationError as error:
        problems += translate(error, Target, document.data, document.places)
    return None


def _placed(inside: tuple[str | int, ...], problem: Problem, step: Step, places: Places) -> Problem:
    place = problem.place or places.value((*step.path, *inside))
    return Problem(problem.code, problem.sentence, problem.hint, place)
