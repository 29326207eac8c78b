"""What is wrong with a step that takes another model beside its source, or the early exits of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compactor.base.errors import Problem
from compactor.base.suggest import did_you_mean
from compactor.pipeline.reader import Places
from compactor.pipeline.steps import Step


def beside_problems(steps: Sequence[Step], places: Places) -> Iterator[Problem]:
    """Yield each stage that names a step which does not stand before it, or whose model cannot answer; and exits that nobody makes."""
    for number, step in enumerate(steps):
        name = step.stage.beside
        if not name:
            continue
        kinds = {other.label: other.stage.gives for other in steps[:number]}
        place = places.value((*step.path, "larger"))
        if name not in kinds:
            sentence = f"{step.name} names the step {name!r}, and there is none before it"
            yield Problem("P283", sentence, did_you_mean(name, list(kinds)), place)
        elif kinds[name] not in {"torch", "onnx", "same"}:
            sentence = f"{step.name} needs a model, and {name} gives {kinds[name]}"
            yield Problem("P283", sentence, "name a teacher, distill, export or quantize step", place)
    yield from _exit_problems(steps)


def _exit_problems(steps: Sequence[Step]) -> Iterator[Problem]:
    """Yield exits that are written and not used, used and not written, written and not trained."""
    exporting = next((step for step in steps if getattr(step.stage, "exits", None) is True and step.name == "export"), None)
    cascade = next((step for step in steps if step.name == "cascade"), None)
    wanted = cascade is not None and not cascade.stage.beside
    if wanted and exporting is None:
        assert cascade is not None
        hint = "name the larger model, such as larger: teacher; or train exits in distill and set export: {exits: true}"
        yield Problem("P284", "cascade has no larger model, and export writes no early exits", hint, cascade.place)
    if exporting is None:
        return
    if not wanted:
        sentence = "export writes early exits, and no stage makes the graph stop at them"
        yield Problem("P284", sentence, "add - cascade: {} before package", exporting.place)
    before = steps[steps.index(exporting) - 1]
    if getattr(before.stage, "exits", None) is None:
        sentence = f"export shall write early exits, and {before.name} before it trains none"
        yield Problem("P284", sentence, "put export right after a distill with exits: {layers: all}", exporting.place)
