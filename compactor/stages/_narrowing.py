"""Narrower layers, at once or in steps: scores, counts, cut, refit, and recovery between the steps. Each finished step is kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from compactor.base.atomic import fresh_folder, read_json, write_json
from compactor.base.errors import StageError
from compactor.base.finding import Finding
from compactor.models import parameter_count, save
from compactor.models.families import describe
from compactor.models.widths import layer_widths
from compactor.pruning.allocation import (
    Counts,
    Limits,
    Scores,
    block_of,
    global_counts,
    least_lost,
    normalised,
    rounded_share,
    same_share,
)
from compactor.pruning.narrow import best, score
from compactor.pruning.schedules import share_after
from compactor.pruning.stream import channels_to_keep, projected_width
from compactor.pruning.stream_scores import score_channels
from compactor.pruning.width import Part, best_units, most_common, target_counts, units
from compactor.stages._inputs import load_model
from compactor.stages._reaching import Reaching

if TYPE_CHECKING:
    from compactor.stages._contract import Work
    from compactor.stages._pruning import Course
    from compactor.stages.prune import Prune

PARTS: tuple[Part, ...] = ("intermediate", "heads")
CALLED: dict[Part, str] = {"intermediate": "neurons", "heads": "heads"}
KEPT, STATE = "steps", "course.json"


def narrow_in_steps(course: Course, stage: Prune) -> Narrowing:
    """Cut widths as a stage's settings say; a step that a killed run had finished, recovery included, is not made again."""
    narrowing = Narrowing(course, stage)
    for step in range(narrowing.resume() + 1, stage.steps + 1):
        narrowing.cut(step)
        if step < stage.steps:
            if stage.recover is not None:
                course.recover(stage.recover, stage.recover.terms(course.work.task))
            narrowing.keep(step)
    return narrowing


class Narrowing:
    """One cut, in one step or several.

    Args:
        course: the model on its way; layers, and with an aim the vocabulary, are gone already.
        stage: the settings.

    Raises:
        StageError: K211 to K213, K216, K222, K223 widths that cannot be; K215 an aim that cannot be met.
    """

    def __init__(self, course: Course, stage: Prune) -> None:
        self.course, self.stage = course, stage
        encoder = describe(course.model)
        self.hidden, head_size = encoder.hidden, encoder.parts[0].head_size
        self.projected = projected_width(encoder)
        self.channels = None if stage.hidden is None else channels_to_keep(self.hidden, stage.hidden, head_size, self.projected)
        self.reaching: Reaching | None = None
        self.final: Counts = {}
        course.work.facts["widths_before"] = layer_widths(course.model)
        if stage.aim is None:
            self.start = counts_of(course.model, [part for part in PARTS if getattr(stage, part) is not None])
            self._leave_what_is_too_small()
            for part, now in self.start.items():
                self.final[part] = target_counts(now, getattr(stage, part), block_of(part, stage.round_to), part)
        else:
            self._cut_hidden(self.channels)  # all at once: what a neuron costs must not change between the steps
            self.start = counts_of(course.model, stage.aim.parts)
        self.limits = Limits.of_share(stage.floor, stage.round_to, self.start)
        self._check_floor()
        if stage.aim is not None:
            self.reaching = Reaching(course, stage.aim, self.limits)

    def _check_floor(self) -> None:
        """Refuse numbers below the floor of global scope; of shares the profile tells it, see `stages._prune_problems`."""
        for part, final in self.final.items():
            number, least = getattr(self.stage, part), self.limits.lowest[part]
            if self.stage.scope == "global" and isinstance(number, int) and sum(final) < sum(least):
                floor = f"floor {self.stage.floor:g} leaves {most_common(least)} in every one"
                sentence = f"prune.{part} keeps {number} in each layer, and {floor}"
                raise StageError("K223", sentence, "set a smaller floor, keep more, or set scope: local")

    def _leave_what_is_too_small(self) -> None:
        """Leave out a part of which a share is all, as three quarters of two heads are, when another part is cut."""
        for part, now in list(self.start.items()):
            share = getattr(self.stage, part)
            whole = isinstance(share, float) and rounded_share(now, share, block_of(part, self.stage.round_to)) == list(now)
            if whole and len(self.start) > 1:
                del self.start[part]
                sentence = f"prune.{part}: {share:g} of {most_common(now)} is all of them, so {part} stay as they are"
                self.course.work.reporter.finding(
                    Finding("K912", "note", sentence, "give a number, or a smaller share", "prune")
                )

    def cut(self, step: int) -> None:
        """Make one step: channels first, for all layers read them, then heads and neurons."""
        stage, course = self.stage, self.course
        course.label = "" if stage.steps == 1 else f" {step}"
        if stage.aim is None and self.channels is not None:
            share = share_after(step, stage.steps, self.channels / self.hidden, stage.schedule)
            size = describe(course.model).parts[0].head_size
            width = size * round(self.hidden * share / size)
            width += size * (width == self.projected)  # the model of a step is read back too
            self._cut_hidden(max(self.channels, width))
        before = counts_of(course.model, list(self.start))
        wanted = self._wanted(step, before)
        if wanted != before:
            scores = self._scores(tuple(before))
            counts = self._counts(wanted, scores)
            course.narrow(best(scores, counts), rows=stage.calibration, refit=stage.refit)
        self._note(step, before)

    def _wanted(self, step: int, now: Counts) -> Counts | float:
        """Return the price that a step is to reach, or the counts of each layer before any exchange among layers.

        Where nothing is to be cut in this step, the counts as they are.
        """
        stage = self.stage
        if self.reaching is not None:
            price = self.reaching.price_after(step, stage.steps, stage.schedule)
            return now if self.reaching.price.of(now) <= price else price
        wanted: Counts = {}
        for part, final in self.final.items():
            block = block_of(part, stage.round_to)
            ways = [
                share_after(step, stage.steps, last / first, stage.schedule)
                for last, first in zip(final, self.start[part], strict=True)
            ]
            rounded = [rounded_share([first], way, block)[0] for first, way in zip(self.start[part], ways, strict=True)]
            wanted[part] = final if step == stage.steps else [max(pair) for pair in zip(final, rounded, strict=True)]
        even = stage.scope == "global" and all(sum(wanted[part]) >= sum(now[part]) for part in wanted)
        return now if even else wanted

    def _counts(self, wanted: Counts | float, scores: Scores) -> Counts:
        """Return how many units each layer keeps."""
        stage = self.stage
        even = normalised(scores, stage.normalise)
        if isinstance(wanted, float):
            assert self.reaching is not None
            price = self.reaching.price.up_to({part: [len(each) for each in layers] for part, layers in scores.items()})
            if stage.scope == "local":
                return same_share(price, wanted, self.limits)
            return least_lost(even, price, wanted, self.limits)
        if stage.scope == "local":
            return wanted
        return {part: global_counts(even, part, layers, self.limits) for part, layers in wanted.items()}

    def _scores(self, parts: tuple[Part, ...]) -> Scores:
        stage, course = self.stage, self.course
        batches = course.calibration(stage.calibration) if stage.importance == "wanda" else []
        rule, losses = stage.importance, self._losses()
        return score(course.model, parts, batches, importance=rule, seed=course.work.seed, losses=losses)

    def _losses(self) -> list[Callable[[Any], Any]]:
        return self.course.losses(self.stage.importance, self.stage.gradients, self.stage.calibration)

    def _cut_hidden(self, channels: int | None) -> None:
        """Cut the stream to so many channels, where it has more."""
        stage, course = self.stage, self.course
        if channels is None or channels >= describe(course.model).hidden:
            return
        batches = course.mixed(stage.calibration)  # as many of them as one pass holds
        rule, losses = stage.importance, self._losses()
        scores = score_channels(course.model, batches, importance=rule, seed=course.work.seed, losses=losses)
        course.narrow_stream(best_units(scores, channels), batches if stage.refit else None)

    def _note(self, step: int, before: Counts) -> None:
        """Write down what a step has left."""
        model = self.course.model
        now = counts_of(model, list(before))
        shares = {part: min(a / b for a, b in zip(now[part], before[part], strict=True)) for part in before}
        line: dict[str, Any] = {
            "step": step,
            **{str(part): layers for part, layers in now.items()},
            "hidden": describe(model).hidden,
            "parameters": parameter_count(model)["total"],
        }
        self.course.work.facts.setdefault("steps", []).append({**line, "least_share": shares})

    def keep(self, step: int) -> None:
        """Keep the model and all that is known of it, so that a killed run goes on from here."""
        course = self.course
        place = course.work.checkpoints / KEPT
        with fresh_folder(place / str(step)) as folder:
            save(course.model, course.tokenizer, folder, labels=course.work.data.labels)
            write_json(folder / STATE, {"scores": course.scores, "facts": course.work.facts})
        shutil.rmtree(place / str(step - 1), ignore_errors=True)

    def resume(self) -> int:
        """Put the model of the last finished step into the course; return the step's number, 0 when there is none."""
        course = self.course
        done = max((int(path.name) for path in (course.work.checkpoints / KEPT).glob("[0-9]*")), default=0)
        if done:
            folder = course.work.checkpoints / KEPT / str(done)
            state = read_json(folder / STATE)
            course.model, course.scores = load_model(course.work, folder), state["scores"]
            course.work.facts.update(state["facts"])
            course.work.reporter.say(f"step {done} of {self.stage.steps} was finished before")
        return done

    def tell(self, work: Work) -> None:
        """Report, when the model is written, deep cuts and what became of an aim."""
        lines: list[dict[str, Any]] = work.facts["steps"]
        for part in self.start:
            self.course.warn_of_deep_cut(min(line["least_share"][part] for line in lines), CALLED[part])
        if self.stage.steps == 1:
            del work.facts["steps"]
        if self.reaching is not None:
            self.reaching.tell_real(work)


def counts_of(model: Any, parts: Any) -> Counts:
    """Return the units that each layer of a model has now."""
    return {part: [place.count for place in units(model, part)] for part in parts}
