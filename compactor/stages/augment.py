"""New texts for the teacher to answer: changed copies of the training texts, and texts without labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from compactor.augmentation.operations import NoiseList, NoiseTerm, parse_noise
from compactor.base.artifact import Artifact
from compactor.base.errors import Problem
from compactor.base.settings import setting
from compactor.stages._contract import Stage, Work

if TYPE_CHECKING:
    from compactor.targets import Target
    from compactor.tasks import Task

Inside = tuple[tuple[str | int, ...], Problem]


def default_noise() -> tuple[NoiseTerm, ...]:
    """Return what is used when a profile names no operations: those that need no model and make no new pieces."""
    return parse_noise(["drop", "swap", "replace", "splice"])


class Augment(Stage):
    """Make rows without labels for the stages that train after it; the teacher's answers to them are what they teach."""

    takes: ClassVar[frozenset[str]] = frozenset({"torch", "answers"})
    gives: ClassVar[str] = "dataset"
    uses_teacher: ClassVar[bool] = True
    uses_unlabelled: ClassVar[bool] = True
    once: ClassVar[bool] = True

    copies: int = setting(20, "changed copies of each training text; 0 takes the texts of data.unlabelled alone", ge=0, le=1000)
    most: int | None = setting(
        None, "changed copies altogether: of a large training set fewer of each text, at least one of so many texts", ge=1
    )
    noise: NoiseList = Field(
        default_factory=default_noise,
        description="operations; each copy gets one of them, drawn by weight: a list of names or settings",
    )
    at_once: int = setting(1, "operations on one copy, one after the other", ge=1, le=10)
    sides: Literal["one", "both", "first", "second"] = setting(
        "one", "which sentences of a pair are changed: one drawn for each copy, both, or always the first or second"
    )
    unlabelled_copies: int = setting(0, "changed copies of each text of data.unlabelled, beside the text itself", ge=0, le=1000)

    @property
    def needs_unlabelled(self) -> bool:
        """Without copies there is nothing to do but what `data.unlabelled` names."""
        return self.copies == 0

    @property
    def of_unlabelled(self) -> str:
        """Copies of texts that are not there are none."""
        return "unlabelled_copies" if self.unlabelled_copies else ""

    def problems(self, *, task: Task, target: Target) -> Iterator[Inside]:
        """Yield what is wrong with these settings."""
        del target
        if getattr(task, "input_kind", "text") != "text":
            sentence = f"augment changes texts, and the inputs of {task.name} are not plain texts"
            yield (), Problem("P180", sentence, "leave augment out")
        for number, term in enumerate(self.noise):
            for sentence in term.operation.unfit(task):
                yield ("noise", number, term.name), Problem("P181", sentence, "change its options, or leave it out")

    def file_problems(self, near: tuple[Path, ...]) -> Iterator[Inside]:
        """Yield what is wrong with the files that these settings name."""
        for number, term in enumerate(self.noise):
            for sentence in term.operation.missing(near):
                yield (
                    ("noise", number, term.name),
                    Problem("P182", sentence, "check the path, and that it is the right kind of model"),
                )

    def fingerprint(self, near: tuple[Path, ...]) -> dict[str, Any]:
        """Return content hashes of the models that operations use; those of users' own files are in the list's key."""
        found = {f"noise-{number}": term.operation.fingerprint(near) for number, term in enumerate(self.noise)}
        return {name: files for name, files in found.items() if files}

    def run(self, source: Artifact | None, work: Work) -> None:
        """Fill `work.folder` with the new texts."""
        from compactor.stages._augmenting import Making

        del source
        making = Making(work)
        making.unlabelled(self)
        making.copies(self)
        making.finish()
