"""A smaller transformer made from a larger one: what can be asked for, and how it is built. Light: torch is imported when one is built."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from compactor.base.errors import Problem
from compactor.base.settings import Settings, setting

if TYPE_CHECKING:
    import numpy as np

    from compactor.tasks import Task


class StudentSettings(Settings):
    """The student's shape and where its first weights come from; what is not given is the teacher's."""

    family: Literal["transformer"] = setting("transformer", "kind of student")
    layers: int | tuple[int, ...] | None = setting(
        None, "how many layers, spread evenly and the last among them; or which, from 0"
    )
    hidden: int | None = setting(None, "width of the residual stream; needs init: pca or random", ge=8)
    heads: int | None = setting(None, "attention heads of a layer; by default as many as keep the teacher's head size", ge=1)
    intermediate: int | None = setting(None, "width of the feed-forward part; by default in the teacher's proportion", ge=8)
    init: Literal["teacher-layers", "pca", "random"] = setting(
        "teacher-layers",
        "first weights: the teacher's layers, the same projected on the main directions of its states, or random",
    )

    def problems(self) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
        """Yield what is wrong with these settings, with the path inside them."""
        if self.hidden is not None and self.init == "teacher-layers":
            yield ("init",), Problem("P160", "the teacher's layers do not fit another width", "with hidden, set init: pca")
        if self.hidden is None and self.init == "teacher-layers" and (self.heads or self.intermediate):
            name = "heads" if self.heads else "intermediate"
            yield (
                (name,),
                Problem("P161", f"{name} cannot change while layers are copied as they are", "set init: pca, or prune later"),
            )
        if self.hidden and self.heads and self.hidden % self.heads:
            yield (
                ("heads",),
                Problem("P151", f"{self.heads} heads do not divide {self.hidden} evenly", "choose a divisor of hidden"),
            )
        if isinstance(self.layers, int) and self.layers < 1:
            yield ("layers",), Problem("P162", f"layers is {self.layers}", "at least 1")
        if isinstance(self.layers, tuple) and (not self.layers or min(self.layers) < 0):
            yield ("layers",), Problem("P162", "layers names none, or a negative one", "layers count from 0")


def kept_layers(wanted: int | tuple[int, ...] | None, available: int) -> tuple[int, ...]:
    """Return which layers are kept: the ones named, or `wanted` of them spread evenly with the last among them.

    >>> kept_layers(3, 6)
    (1, 3, 5)
    """
    if wanted is None:
        return tuple(range(available))
    if isinstance(wanted, tuple):
        return wanted
    return tuple(round((number + 1) * available / wanted) - 1 for number in range(wanted))


def build_student(
    teacher: Any, settings: StudentSettings, *, task: Task, batches: Iterable[Mapping[str, np.ndarray]] = (), seed: int = 0
) -> tuple[Any, dict[str, Any]]:
    """Build a student from a teacher, which is not changed.

    Args:
        teacher: a transformers classifier.
        settings: the shape wanted.
        task: names the transformers class.
        batches: encoded training rows, looked at only for `init: pca`.
        seed: for weights that are random.

    Returns:
        (student, facts): `kept_layers` (from 0), `hidden`, `heads`, `intermediate`, `init`; for `pca` also `variance_kept`.

    Raises:
        StageError: L170 the shape does not fit the teacher.
    """
    from compactor.models.student import build

    return build(teacher, settings, task=task, batches=batches, seed=seed)
