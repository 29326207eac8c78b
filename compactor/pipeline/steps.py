"""The list of stages of a profile: each name looked up, its settings checked, and the order proved possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from compactor.base.errors import CompactorError, Place, Problem
from compactor.base.paths import under
from compactor.base.registry import Registry
from compactor.base.suggest import did_you_mean
from compactor.models.decoders import NO_ATTENTION, is_decoder
from compactor.pipeline.reader import DataPath, Places, describe
from compactor.pipeline.translate import translate
from compactor.stages import STAGES, Stage
from compactor.tasks import Task

HOW_TO_LIST = "write a list such as - teacher: {model: my-model}"


@dataclass(frozen=True)
class Step:
    """One entry of `stages`.

    Attributes:
        name: the stage, or the path of a user's own file.
        label: the name, unique in this profile (`distill`, `distill-2`).
        stage: its checked settings.
        place: where its name stands.
        path: where its settings stand in the profile's data.
        source_hash: hash of a user's own file, part of the cache key; empty for a shipped stage.
    """

    name: str
    label: str
    stage: Stage
    place: Place
    path: DataPath
    source_hash: str = ""


@dataclass(frozen=True)
class Entry:
    """One entry as it stands in the file: its name, its label, the path of its settings, and the settings."""

    name: str
    label: str
    path: DataPath
    settings: Any


def entries(stages: Any) -> list[Entry]:
    """Name and label what looks like a stage; what does not is left out (see `read_steps` for the complaint)."""
    found: list[Entry] = []
    seen: Counter[str] = Counter()
    for number, item in enumerate(stages if isinstance(stages, list) else []):
        if isinstance(item, str):
            name, settings = item, None
            path: DataPath = ("stages", number)
        elif isinstance(item, dict) and len(item) == 1:
            ((name, settings),) = item.items()
            path = ("stages", number, name)
        else:
            continue
        word = Path(name).stem if name.endswith(".py") else name
        seen[word] += 1
        found.append(
            Entry(name, word if seen[word] == 1 else f"{word}-{seen[word]}", path, {} if settings is None else settings)
        )
    return found


def read_steps(
    data: dict[str, Any], places: Places, near: tuple[Path, ...], registry: Registry[Stage] = STAGES
) -> tuple[list[Step], list[Problem]]:
    """Look up and check every stage; return the good ones and all problems, those of their order included."""
    stages = data.get("stages")
    if not isinstance(stages, list) or not stages:
        if "stages" not in data:
            return [], []  # told as a missing setting
        return [], [Problem("P021", f"stages is {describe(stages)}", HOW_TO_LIST, places.value(("stages",)))]
    problems = [_shape_problem(item, places, number) for number, item in enumerate(stages) if not _is_stage(item)]
    steps: list[Step] = []
    chain: list[tuple[Entry, type[Stage] | None]] = []
    for entry in entries(stages):
        loaded = None
        try:
            loaded, source_hash = _load(entry.name, near, registry)
            if not isinstance(entry.settings, dict):
                sentence = f"{entry.name} must be settings (name: value), not {describe(entry.settings)}"
                problems.append(Problem("P006", sentence, "", places.value(entry.path)))
            else:
                stage = loaded.model_validate(entry.settings, context={"near": near})
                steps.append(Step(entry.name, entry.label, stage, places.key(entry.path), entry.path, source_hash))
        except ValidationError as error:
            assert loaded is not None
            problems += translate(error, loaded, data, places, entry.path, entry.label)
        except CompactorError as error:
            problems.append(Problem(error.problem.code, error.problem.sentence, error.problem.hint, places.key(entry.path)))
        chain.append((entry, loaded))
    problems += order_problems(chain, places, registry)
    if len(steps) == len(stages):
        problems += unused_problems(steps, data, places)
    return steps, problems


def order_problems(
    chain: list[tuple[Entry, type[Stage] | None]], places: Places, registry: Registry[Stage] = STAGES
) -> Iterator[Problem]:
    """Yield each place where a stage cannot start from what the stage before it leaves, and how to mend it.

    A stage that could not be loaded (None) may take and give anything: it is told already.
    """
    kind, seen, given = "", set[str](), list[tuple[str, str]]()
    for entry, stage in chain:
        place = places.key(entry.path)
        if stage is not None:
            if stage.once and entry.name in seen:
                yield Problem("P023", f"{entry.name} stands here a second time", "it may stand in a profile only once", place)
            elif wrong := _wrong_here(entry.name, stage, kind, given, registry):
                yield Problem("P022", *wrong, place)
        seen.add(entry.name)
        kind = _kind_after(stage, kind)
        given.append((entry.name, kind))


def unused_problems(steps: list[Step], data: dict[str, Any], places: Places) -> Iterator[Problem]:
    """Yield what would be ignored in silence: texts without labels that no stage takes, rows that no later stage trains on."""
    section = data.get("data")
    if isinstance(section, dict) and section.get("unlabelled") and not any(step.stage.uses_unlabelled for step in steps):
        sentence, hint = "data.unlabelled names texts, and no stage takes them", "add - augment: {copies: 0} before distill"
        yield Problem("P026", sentence, hint, places.key(("data", "unlabelled")))
    named = isinstance(section, dict) and section.get("unlabelled")
    for number, step in enumerate(steps):
        if step.stage.needs_unlabelled and not named:
            sentence = f"{step.name} makes no copies, and data.unlabelled names no texts"
            yield Problem("P027", sentence, "give copies, or name a file in data.unlabelled", step.place)
        elif (setting := step.stage.of_unlabelled) and not named:
            sentence = f"{setting} of {step.name} is about the texts of data.unlabelled, which names none"
            yield Problem("P027", sentence, f"leave {setting} out, or name a file in data.unlabelled", step.place)
        if step.stage.gives == "dataset" and not any(later.stage.uses_extra for later in steps[number + 1 :]):
            sentence = f"{step.name} makes rows to train on, and no stage after it trains on them"
            yield Problem("P025", sentence, "put it before distill, or before a prune with recover", step.place)


def teaching_problems(steps: list[Step], task: Task) -> Iterator[Problem]:
    """Yield each stage with a loss that asks more of the first stage, as the teacher, than it can tell."""
    told = steps[0].stage.teaches if steps else None
    if told is None:
        return
    for step in steps[1:]:
        more = sorted(step.stage.asks_teacher(task) - told - {"labels"})
        if more:
            words = "probabilities" if "logits" in more else " and ".join(more).replace("_", " ")
            sentence = f"{step.name} has a loss that needs the teacher's {words}, and {steps[0].name} does not give them"
            hint = f"use {' and '.join(sorted(told))}, such as losses: [teacher_labels]"
            yield Problem("P028", sentence, "leave teacher_outputs out" if more == ["highest_logits"] else hint, step.place)


def decoder_problems(steps: list[Step], task: Task, near: tuple[Path, ...]) -> Iterator[Problem]:
    """Yield each stage with a loss that compares attention with that of a teacher which is a decoder."""
    name = getattr(steps[0].stage, "model", None) if steps else None
    if not isinstance(name, str) or not is_decoder(name, near):
        return
    for step in steps[1:]:
        if "relations" in step.stage.asks_teacher(task):
            sentence = f"{step.name} has a loss that compares attention, which is not recorded of decoders, and {name} is one"
            yield Problem("P244", sentence, NO_ATTENTION, step.place)


def _wrong_here(
    name: str, stage: type[Stage], kind: str, given: list[tuple[str, str]], registry: Registry[Stage]
) -> tuple[str, str] | None:
    """Return sentence and hint when a stage cannot stand here; None when it can, or when that cannot be known."""
    takes = " or ".join(sorted(stage.takes))
    if not given and stage.takes:
        starters = " or ".join(other for other in registry.names() if not registry.load(other).takes)
        return f"{name} takes {takes}, but it is the first stage", f"put {starters or 'another stage'} before it"
    if given and not stage.takes:
        return f"{name} takes nothing, but {given[-1][0]} stands before it", f"put {name} first"
    if kind and kind not in stage.takes and given:
        return f"{name} takes {takes}, but {given[-1][0]} before it gives {kind}", _mend(stage, kind, given, registry)
    return None


def _kind_after(stage: type[Stage] | None, kind: str) -> str:
    """Return the kind of artifact after a stage; empty when it cannot be known."""
    if stage is None:
        return ""
    if stage.gives == "dataset":
        return kind  # it stands beside the chain: the next stage starts from what was there before
    if stage.gives != "same":
        return stage.gives
    if kind in stage.takes:
        return kind
    return next(iter(stage.takes)) if len(stage.takes) == 1 else ""


def _mend(stage: type[Stage], kind: str, given: list[tuple[str, str]], registry: Registry[Stage]) -> str:
    """Say how to mend an order: move the stage up, or put a stage between that turns one kind into the other."""
    for name, earlier in reversed(given):
        if earlier in stage.takes:
            return f"put it right after {name}"
    for name in registry.names():
        candidate = registry.load(name)
        if kind in candidate.takes and candidate.gives in stage.takes:
            return f"put {name} between them"
    return "no stage turns one into the other"


def _load(name: str, near: tuple[Path, ...], registry: Registry[Stage]) -> tuple[type[Stage], str]:
    if not name.endswith(".py"):
        if name.replace("-", "_") not in registry.names():
            raise CompactorError("P020", f"there is no stage {name!r}", did_you_mean(name, registry.names()))
        return registry.load(name), ""
    folder = next((folder for folder in near if under(folder, name).is_file()), near[-1] if near else Path())
    try:
        return registry.load(name, folder), registry.source_hash(name, folder)
    except CompactorError:
        raise
    except Exception as error:
        sentence = f"{name} cannot be imported: {type(error).__name__}: {error}"
        raise CompactorError("P024", sentence, "mend the file, or try it with python -m py_compile") from error


def _is_stage(item: Any) -> bool:
    return isinstance(item, str) or (isinstance(item, dict) and len(item) == 1)


def _shape_problem(item: Any, places: Places, number: int) -> Problem:
    place = places.value(("stages", number))
    if isinstance(item, dict) and item:
        first, second = list(item)[:2]
        hint = f"indent {second!r} deeper if it belongs to {first}, or begin it with '- ' if it is a stage"
        return Problem(
            "P021", f"one stage has {len(item)} names: {', '.join(item)}", hint, places.key(("stages", number, second))
        )
    return Problem("P021", f"a stage is a name with settings, not {describe(item)}", HOW_TO_LIST, place)
