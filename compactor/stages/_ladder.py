"""A ladder of students in the distill stage: each trained, carried to the precision of the bundle, and judged on validation rows."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.artifact import Artifact
from compactor.base.finding import Finding
from compactor.base.reporter import PassingReporter, Reporter
from compactor.models.students import AutoStudent, Pieces, StudentSettings
from compactor.models.students.auto import default_rungs, rung_names
from compactor.stages._ladder_settings import on_rung

if TYPE_CHECKING:
    from compactor.stages._contract import Work
    from compactor.stages.distill import Distill

DONE = "rung.json"
# The accuracy_drop of a profile without a budget.
USUAL_DROP = 0.01


@dataclass(frozen=True)
class Tried:
    """One rung that was climbed.

    Attributes:
        folder: of the trained torch model.
        row: `{name, precision, value, drop, size_bytes, seconds, met, missed}`, the row of the report.
        facts, findings: what training it told.
        settings: the student's.
    """

    folder: Path
    row: dict[str, Any]
    facts: dict[str, Any]
    findings: tuple[dict[str, Any], ...]
    settings: StudentSettings


def climb(stage: Distill, source: Artifact, work: Work) -> None:
    """Fill `work.folder` with the first student within the limits; the one that misses least where none is.

    A rung that was finished before a kill is not trained again; one that was begun goes on from its checkpoints.
    """
    ladder = Ladder(stage, source, work)
    tried: list[Tried] = []
    for number in range(len(ladder.rungs)):
        tried.append(ladder.climb(number))
        if tried[-1].row["met"]:
            break
    best = min(tried, key=lambda each: (len(each.row["missed"]), each.row["drop"], each.row["size_bytes"]))
    if not best.row["met"]:
        work.reporter.finding(_none_met(best, ladder.limits))
    for finding in best.findings:
        work.reporter.finding(Finding(**finding))
    rows = [{**each.row, "taken": each is best} for each in tried]
    settings = {"family": best.settings.family, **best.settings.model_dump(mode="json", exclude_unset=True)}
    work.facts.update(best.facts, rung=settings, distill={"tries": rows, "limits": ladder.limits})
    # Copied, not moved: a run that is killed before the artifact is sealed finds the rung whole.
    shutil.copytree(best.folder, work.folder, dirs_exist_ok=True)


class Ladder:
    """The rungs for one teacher, and how each is judged.

    Args:
        stage: the distill stage's settings, with `student: {family: auto}`.
        source: the model before the stage.
        work: the stage's; rungs lie in its checkpoints, which the pipeline drops.
    """

    def __init__(self, stage: Distill, source: Artifact, work: Work) -> None:
        assert isinstance(stage.student, AutoStudent)
        self.stage, self.source, self.work = stage, source, work
        given = stage.student.max_drop
        drop = work.ahead.limits.get("accuracy_drop", USUAL_DROP) if given is None else given
        sizes = {name: value for name, value in work.ahead.limits.items() if name == "size_mb"}
        self.limits = {"accuracy_drop": drop, **sizes}
        self.rungs = stage.student.rungs or self._usual(stage.student)
        self.names = tuple(rung_names(self.rungs))
        # Asked first: a teacher whose quality is not known is told before any rung is trained.
        self._reference = self._teachers_value()

    def climb(self, number: int) -> Tried:
        """Train a rung and judge it, or find both done; say how it went."""
        rung, place = self.rungs[number], self.work.checkpoints / "rungs" / str(number + 1)
        if not (place / DONE).is_file():
            self.work.reporter.say(f"rung {number + 1} of {len(self.rungs)}: {self.names[number]}")
            self._make(number, place)
        kept = json.loads((place / DONE).read_text(encoding="utf-8"))
        found = Tried(place / "model", kept["row"], kept["facts"], tuple(kept["findings"]), rung)
        self.work.reporter.say(self._told(number, found.row))
        self.work.reporter.event("rung", number=number + 1, **found.row)
        return found

    def _make(self, number: int, place: Path) -> None:
        from compactor.base.atomic import write_json

        begun, heard = time.perf_counter(), _Aside(self.work.reporter)
        model = _empty(place / "model")
        work = replace(self.work, folder=model, checkpoints=_there(place / "making"), reporter=heard, facts={})
        on_rung(self.stage, self.rungs[number]).run(self.source, work)
        value, size_bytes, precision = self._judged(model, place / "carried")
        drop = self._reference - value
        missed = [name for name, over in (("accuracy_drop", drop), ("size_mb", size_bytes / 1e6)) if over > self._limit(name)]
        row = {
            "name": self.names[number],
            "precision": precision,
            "value": round(value, 6),
            "drop": round(drop, 6),
            "size_bytes": size_bytes,
            "seconds": round(time.perf_counter() - begun, 3),
            "met": not missed,
            "missed": missed,
        }
        shutil.rmtree(place / "making", ignore_errors=True)
        write_json(place / DONE, {"row": row, "facts": work.facts, "findings": [each.as_dict() for each in heard.findings]})

    def _judged(self, model: Path, place: Path) -> tuple[float, int, str]:
        """Return the figure on validation rows, the bytes to ship and the precision, after the stages that follow; they keep silent."""
        from compactor.base.atomic import read_json
        from compactor.measuring.size import size_bytes
        from compactor.stages import STAGES

        stages = self.work.ahead.stages or (("export", STAGES.load("export")()),)
        made = Artifact(model, "", "torch", "distill", {"facts": {}, "files": {}})
        for name, stage in stages:
            making = _there(place / f"{name}-making")
            stage.run(made, replace(self.work, folder=_empty(place / name), checkpoints=making, reporter=Reporter(), facts={}))
            made = Artifact(place / name, "", "onnx", name, {"facts": {}, "files": {}})
        value = self._value(made.folder)
        found = value, size_bytes(made.folder), str(read_json(made.folder / "interface.json")["precision"])
        shutil.rmtree(place)
        return found

    def _value(self, folder: Path) -> float:
        """Return the task's figure of an ONNX folder on the validation rows, each given alone and unpadded."""
        from compactor.measuring.quality import predict
        from compactor.stages._inputs import encoded

        work = self.work
        rows = encoded(work, folder, "validation")
        answers = predict(folder, rows, threads=work.threads, reporter=work.reporter)
        return work.task.value(answers, rows.labels, names=work.data.labels, teacher_logits=self._taught)

    @cached_property
    def _taught(self) -> Any:
        from compactor.stages._inputs import teacher_logits

        return teacher_logits(self.work, "validation")

    def _teachers_value(self) -> float:
        """Return the teacher's figure on the validation rows."""
        work = self.work
        return work.task.value(self._taught, work.data.validation.labels, names=work.data.labels, teacher_logits=self._taught)

    def _limit(self, name: str) -> float:
        return self.limits.get(name, float("inf")) + 1e-9  # so that 0.01 is not missed by 0.010000000000000009

    def _usual(self, student: AutoStudent) -> tuple[StudentSettings, ...]:
        """Return the default rungs for the model before the stage."""
        from compactor.models.families import describe
        from compactor.stages._inputs import load_model

        encoder = describe(load_model(self.work, self.source.folder))
        vocabulary = student.vocabulary
        if vocabulary is None and _has_word_pieces(self.source.folder):
            vocabulary = Pieces()
        shape = {"layers": len(encoder.layers), "hidden": encoder.hidden, "head_size": encoder.parts[0].head_size}
        return default_rungs(self.work.task, **shape, vocabulary=vocabulary)

    def _told(self, number: int, row: dict[str, Any]) -> str:
        verdict = "within the limits" if row["met"] else f"misses {' and '.join(row['missed'])}"
        figure = f"{self.work.task.metric} {row['value']:.4f} on validation, {100 * row['drop']:.2f} points below the teacher"
        size = f"{row['size_bytes'] / 1e6:.2f} MB in {row['precision']}"
        return f"rung {number + 1}, {row['name']}: {figure}, {size}, {row['seconds']:.0f} s: {verdict}"


def _none_met(best: Tried, limits: dict[str, float]) -> Finding:
    told = ", ".join(f"{name} {value:g}" for name, value in limits.items())
    row = best.row
    sentence = (
        f"no rung of the ladder is within the limits ({told}); {row['name']} is taken, {100 * row['drop']:.2f} points below the "
        f"teacher on validation with {row['size_bytes'] / 1e6:.2f} MB"
    )
    return Finding("L280", "warning", sentence, "add a larger rung, train longer, add augment, or allow more in budget")


def _has_word_pieces(folder: Path) -> bool:
    path = folder / "tokenizer.json"
    return path.is_file() and json.loads(path.read_text(encoding="utf-8"))["model"].get("type") == "WordPiece"


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return _there(folder)


def _there(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class _Aside(PassingReporter):
    """Keeps findings to itself: those of a rung that is not taken are no findings of the stage."""

    def finding(self, finding: Finding) -> None:
        self.findings.append(finding)
