"""The phases of a distillation as single trainings in order, each with what it may change; a finished one is kept and not done again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from compactor.base.atomic import fresh_folder, read_json, write_json
from compactor.base.errors import StageError
from compactor.distillation.dropout import dropouts
from compactor.distillation.losses import LossTerm
from compactor.distillation.regimes.settings import Phase
from compactor.distillation.trainer import TrainSettings
from compactor.models.families import describe
from compactor.models.saving import write_error
from compactor.stages._inside import FOLDER

FINISHED, WEIGHTS, FACTS = "finished", "weights.safetensors", "facts.json"


@dataclass(frozen=True)
class Lesson:
    """One training.

    Attributes:
        name: of its folder of checkpoints, and in the facts.
        losses: what is made small.
        train: how long and how fast.
        freeze: the embeddings and so many of the lowest layers stay as they are; None for nothing.
        layer: only this layer (from 1) is trained, the first one together with the embeddings; None for all.
    """

    name: str
    losses: tuple[LossTerm, ...]
    train: TrainSettings
    freeze: int | None = None
    layer: int | None = None


def lessons(phases: Sequence[Phase], default: tuple[LossTerm, ...], layers: int, teacher_layers: int) -> list[Lesson]:
    """Return the trainings of some phases; one that goes layer by layer becomes one for each of the student's layers.

    Args:
        phases: in order; a single one is called `distilling`.
        default: losses of a phase that names none.
        layers: of the student; 0 for a family without.
        teacher_layers: of the teacher; looked at for `layer_by_layer` only.

    Source of layer by layer: Sun et al. 2020, MobileBERT (arXiv:2004.02984), section 3.3, progressive knowledge transfer.
    """
    found: list[Lesson] = []
    for number, phase in enumerate(phases, start=1):
        name = "distilling" if len(phases) == 1 else f"phase-{number}"
        losses = phase.losses or default
        if not phase.layer_by_layer:
            found.append(Lesson(name, losses, phase.train, freeze=phase.freeze))
            continue
        for layer in range(1, layers + 1):
            terms = tuple(one for term in losses if (one := only_layer(term, layer, layers, teacher_layers)) is not None)
            if terms:
                found.append(Lesson(f"{name}-layer-{layer}", terms, phase.train, layer=layer))
    return found


def only_layer(term: LossTerm, layer: int, layers: int, teacher_layers: int) -> LossTerm | None:
    """Return a loss that looks at one layer of the student (from 1) and its place in the teacher; None if its pairs leave it out."""
    loss: Any = term.loss
    fields = type(loss).model_fields
    if "layers" in fields:
        pairs = tuple(pair for pair in loss.pairs(layers, teacher_layers) if pair[0] == layer)
        changed: dict[str, Any] = {"layers": pairs, "progressive": False}
    else:
        pairs = ((layer, max(1, round(layer * teacher_layers / layers))),)
        changed = {"student_layer": layer - 1, "teacher_layer": pairs[0][1] - 1}
    if not pairs:
        return None
    if layer > 1 and "embeddings" in fields:
        changed["embeddings"] = type(loss.embeddings)(0)  # they belong to the first layer's lesson
    return term.model_copy(update={"loss": loss.model_copy(update=changed)})


@contextmanager
def only_trained(students: Sequence[nn.Module], lesson: Lesson) -> Iterator[None]:
    """Freeze what a lesson leaves as it is, and put everything back afterwards, dropout included."""
    trained = [parameter for student in students for parameter in student.parameters() if parameter.requires_grad]
    shares = [(*place, getattr(*place)) for student in students for place in dropouts(student)]
    kept = {id(parameter) for student in students for parameter in _kept(student, lesson)}
    for parameter in trained:
        parameter.requires_grad_(id(parameter) in kept)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
        for module, name, share in shares:
            setattr(module, name, share)


def _kept(student: nn.Module, lesson: Lesson) -> Iterator[nn.Parameter]:
    """Yield the parameters that a lesson trains."""
    if lesson.freeze is None and lesson.layer is None:
        yield from student.parameters()
        return
    encoder = describe(student)
    if lesson.layer is not None:
        if lesson.layer == 1:
            for module in encoder.before_layers:
                yield from module.parameters()
        yield from encoder.layers[lesson.layer - 1].parameters()
        return
    assert lesson.freeze is not None
    if lesson.freeze > len(encoder.layers):
        sentence = f"phase {lesson.name} freezes {lesson.freeze} layers, the student has {len(encoder.layers)}"
        raise StageError("L191", sentence, "freeze fewer")
    frozen = [*encoder.before_layers, *encoder.layers[: lesson.freeze]]
    still = {id(parameter) for module in frozen for parameter in module.parameters()}
    yield from (parameter for parameter in student.parameters() if id(parameter) not in still)


def read_finished(folder: Path, learners: nn.Module) -> dict[str, Any] | None:
    """Give the learners the weights that a finished lesson left, and return its facts; None if it was not finished."""
    from safetensors.torch import load_file

    done = folder / FINISHED
    if not (done / FACTS).is_file():
        return None
    learners.load_state_dict(load_file(done / WEIGHTS))
    facts: dict[str, Any] = read_json(done / FACTS)
    return facts


def write_finished(folder: Path, learners: nn.Module, facts: dict[str, Any]) -> None:
    """Keep the weights that a lesson left; its checkpoints, and what was read inside the teacher, are not needed any more."""
    from safetensors.torch import save_file

    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in learners.state_dict().items()}
    with fresh_folder(folder / FINISHED) as scratch:
        try:
            save_file(tensors, scratch / WEIGHTS)
        except Exception as error:  # safetensors wraps a failed write in a class of its own
            raise write_error(error, folder) from error
        write_json(scratch / FACTS, facts)
    for old in (*folder.glob("step-*"), folder / FOLDER):
        shutil.rmtree(old, ignore_errors=True)


def depth(model: Any) -> int:
    """Return the number of a model's layers; 0 for a family without."""
    try:
        return len(describe(model).layers)
    except StageError:
        return 0
