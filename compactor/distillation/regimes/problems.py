"""Combinations of regimes that make no sense, told before any work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from compactor.base.errors import Problem
from compactor.distillation.losses import LossTerm, Shape, needs
from compactor.distillation.quantization_aware.settings import named_in
from compactor.distillation.regimes.settings import BornAgain, Exits, FurtherTask, Mutual, Phase
from compactor.distillation.schedules import Schedule

if TYPE_CHECKING:
    from compactor.tasks import Task

# More layers than any teacher has: for one that is not known yet.
MANY_LAYERS = 99
Found = Iterator[tuple[tuple[str | int, ...], Problem]]


class Regime(Protocol):
    """The settings of a distillation, as far as these checks look at them."""

    student: Any
    phases: tuple[Phase, ...]
    teacher: str
    teachers: Any
    teacher_outputs: Any
    mutual: Mutual | None
    born_again: BornAgain | None
    exits: Exits | None
    tasks: tuple[FurtherTask, ...]
    model_fields_set: Any

    @property
    def lessons(self) -> tuple[Phase, ...]:
        """The trainings in order."""
        ...

    def terms(self, task: Task) -> tuple[LossTerm, ...]:
        """Return the losses of a phase that names none."""
        ...


def regime_problems(regime: Any, task: Task) -> Found:
    """Yield what is wrong with a distillation's settings, with the path inside them."""
    yield from _phases(regime)
    yield from _teachers(regime, task)
    yield from _generations(regime, task)
    yield from _mutual(regime)
    yield from _rounding(regime)
    yield from _computing_again(regime, task)
    yield from _exits(regime, task)
    yield from _tasks(regime, task)
    yield from _left_out(regime)


def _rounding(regime: Regime) -> Found:
    """Only the first of several students would be rounded."""
    for path, _ in named_in(regime.phases or getattr(regime, "train", None), ("phases",) if regime.phases else ("train",)):
        if regime.mutual is not None:
            sentence = "students that learn together are trained in float, and quantization_aware would round the first alone"
            yield path, Problem("L165", sentence, "train them first, then the one that is kept in a second distill")


def _computing_again(regime: Regime, task: Task) -> Found:
    """Checkpointing applies to layers of the first student, or of every rung of a ladder, whose default ones begin without."""
    rungs = getattr(regime.student, "rungs", (regime.student,))
    if all(getattr(type(rung), "layered", True) for rung in rungs) and (rungs or task.input_kind != "text"):
        return
    for number, phase in enumerate(regime.lessons):
        if phase.train.checkpointing:
            path = ("phases", number, "train") if regime.phases else ("train",)
            sentence = "checkpointing computes layers again, and a student without layers has none"
            yield (*path, "checkpointing"), Problem("P191", sentence, "leave it out, or use family: transformer")


def zero_problems(losses: Sequence[LossTerm], path: tuple[str | int, ...]) -> Found:
    """Yield a list of losses in which every weight is 0."""
    if all(_is_zero(term) for term in losses):
        yield path, Problem("P163", "every loss has weight 0: there is nothing to learn", "give one a weight")


def _phases(regime: Regime) -> Found:
    peers = regime.mutual.peers if regime.mutual is not None else ()
    layered = all(getattr(type(student), "layered", True) for student in (regime.student, *peers))
    for name in ("losses", "train"):
        if regime.phases and name in regime.model_fields_set and name == "train":
            sentence = "both phases and train are given, and each phase has a train of its own"
            yield (name,), Problem("P190", sentence, "put train into the phases, or leave phases out")
        elif regime.phases and name in regime.model_fields_set and all(phase.losses for phase in regime.phases):
            sentence = "losses is given, and every phase names losses of its own"
            yield (name,), Problem("P190", sentence, "leave losses out")
    for number, phase in enumerate(regime.phases):
        path = ("phases", number)
        if (phase.layer_by_layer or phase.freeze is not None) and not layered:
            name = "layer_by_layer" if phase.layer_by_layer else "freeze"
            yield (*path, name), Problem("P191", "this family of students has no layers", "use family: transformer")
        depths = [count for student in (regime.student, *peers) if (count := _layer_count(student)) is not None]
        if phase.freeze is not None and depths and phase.freeze > min(depths):
            sentence = f"freeze keeps {phase.freeze} layers as they are, and a student has {min(depths)}"
            yield (*path, "freeze"), Problem("P191", sentence, "freeze fewer; 0 is the embeddings alone")
        if phase.layer_by_layer:
            yield from _layer_by_layer(phase, path)


def _layer_by_layer(phase: Phase, path: tuple[str | int, ...]) -> Found:
    if phase.freeze is not None:
        yield (*path, "freeze"), Problem("P191", "layer_by_layer freezes all but one layer itself", "leave freeze out")
    if phase.losses is None:
        yield path, Problem("P191", "layer_by_layer needs losses that compare layers", "add losses: [hidden_states]")
    for place, term in enumerate(phase.losses or ()):
        if not {"layers", "student_layer"} & set(type(term.loss).model_fields):
            sentence = f"{term.name} does not compare layers, so it cannot train them one by one"
            yield (*path, "losses", place), Problem("P191", sentence, "put it into a phase of its own")


def _teachers(regime: Regime, task: Task) -> Found:
    if regime.teachers and "teacher" in regime.model_fields_set:
        yield ("teacher",), Problem("P194", "both teacher and teachers are given", "name all of them in teachers")
    if regime.teacher_outputs is not None and len(regime.teachers) > 1:
        sentence = f"teacher_outputs keeps the highest logits of one teacher, and there are {len(regime.teachers)}"
        yield ("teacher_outputs",), Problem("P194", sentence, "leave it out: the mean of several needs all logits of each")
    asked = [needs(phase.losses or regime.terms(task)) - {"labels"} for phase in regime.lessons]
    if any(asked):
        return
    for name in ("teacher", "teachers"):
        if name in regime.model_fields_set:
            yield (name,), Problem("P194", f"{name} is given, and no loss learns from a teacher", "add hinton, or leave it out")
    if regime.born_again is not None:
        sentence = "no loss learns from a teacher, so that every generation would be the same"
        yield ("born_again",), Problem("P194", sentence, "add hinton")


def _generations(regime: Regime, task: Task) -> Found:
    """From the second generation on the teacher has as many layers as the student."""
    layers = _layer_count(regime.student)
    if regime.born_again is None or layers is None:
        return
    own, any_teacher = Shape.of_depth(layers), Shape.of_depth(MANY_LAYERS)
    for number, phase in enumerate(regime.lessons):
        for place, term in enumerate(phase.losses or regime.terms(task)):
            sentences = set(term.loss.unfit(own, own)) - set(term.loss.unfit(own, any_teacher))
            for sentence in sorted(sentences):
                path = (*(("phases", number) if regime.phases else ()), "losses", place)
                told = f"from the second generation on a student of {layers} layers is the teacher: {sentence}"
                yield path, Problem("P194", told, "name layers that the student has too, or leave born_again out")


def _layer_count(student: Any) -> int | None:
    """Return how many layers a student will have; None where that depends on the teacher."""
    layers = getattr(student, "layers", None)
    return len(layers) if isinstance(layers, tuple) else layers


def _mutual(regime: Regime) -> Found:
    mutual = regime.mutual
    if mutual is None:
        return
    if mutual.peers and "students" in mutual.model_fields_set:
        yield ("mutual", "students"), Problem("P192", "both students and peers are given", "leave one of them out")
    if any(phase.layer_by_layer for phase in regime.phases):
        sentence = "students that are trained layer by layer have no answers to teach each other with"
        yield ("mutual",), Problem("P192", sentence, "leave mutual or layer_by_layer out")
    for number, peer in enumerate(mutual.peers):
        own = regime.student
        if peer.vocabulary not in (None, own.vocabulary) or peer.named_model not in (None, own.named_model):
            sentence = "a peer reads the same pieces as the first student"
            yield ("mutual", "peers", number), Problem("P192", sentence, "set vocabulary and model in student alone")


def _exits(regime: Regime, task: Task) -> Found:
    exits = regime.exits
    if exits is None:
        return
    if task.input_kind != "text" or task.label_kind not in {"class", "classes", "number"}:
        sentence = f"an exit gives one answer to a text, which is not what {task.name} asks for"
        yield ("exits",), Problem("P193", sentence, "leave exits out")
    if not getattr(type(regime.student), "layered", True):
        yield ("exits",), Problem("P193", "this family of students has no layers to leave early", "use family: transformer")
        return
    if regime.mutual is not None and regime.mutual.keep == "best":
        sentence = "the exits belong to the first student, and mutual may keep another"
        yield ("exits",), Problem("P193", sentence, "set mutual.keep: first")
    total = _layer_count(regime.student)
    if exits.layers == "all":
        if total == 1:
            yield ("exits",), Problem("P193", "a student of one layer has no inner layer", "leave exits out")
        return
    if not exits.layers or len(set(exits.layers)) < len(exits.layers):
        yield ("exits", "layers"), Problem("P193", "exits.layers names none, or one twice", "layers count from 1")
    for number, layer in enumerate(exits.layers):
        if layer < 1 or (total is not None and layer >= total):
            known = f", and the student has {total}" if total is not None else ""
            hint = "layers count from 1, and the last is no exit"
            yield ("exits", "layers", number), Problem("P193", f"there is an exit after layer {layer}{known}", hint)


def _left_out(regime: Regime) -> Found:
    """Yield what teaches beside the student where it never would: each training of a single layer leaves it out."""
    if not regime.phases or not all(phase.layer_by_layer for phase in regime.phases):
        return
    for name in ("ema_teacher", "exits", "tasks"):
        if getattr(regime, name):
            sentence = f"every phase goes layer by layer, in which {name} has no part"
            code = "P195" if name == "tasks" else "P193"
            yield (name,), Problem(code, sentence, "add a phase for the answers")


def _tasks(regime: Regime, task: Task) -> Found:
    names = [further.name for further in regime.tasks]
    for number, further in enumerate(regime.tasks):
        if further.name in names[:number]:
            yield ("tasks", number, "name"), Problem("P195", f"two tasks are called {further.name}", "rename one")
    if regime.tasks and (task.label_kind != "class" or task.input_kind != "text"):
        sentence = f"further tasks train classifiers of texts, and {task.name} is something else"
        yield ("tasks",), Problem("P195", sentence, "leave tasks out")


def _is_zero(term: LossTerm) -> bool:
    weight = term.weight
    return (max(weight.start, weight.end) if isinstance(weight, Schedule) else float(weight)) == 0.0
