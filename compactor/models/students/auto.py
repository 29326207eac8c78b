"""A ladder of students: families tried from the cheapest on, until one is good enough."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from compactor.base.errors import Problem
from compactor.base.settings import setting
from compactor.models.students._rungs import Rung
from compactor.models.students._settings import Found, Pieces, StudentSettings
from compactor.models.students.conv import ConvStudent
from compactor.models.students.static import StaticStudent
from compactor.models.students.transformer import TransformerStudent

if TYPE_CHECKING:
    from compactor.tasks import Task

# What pilots on MiniLM-L6 found enough; more width buys little.
STATIC_WIDTH, CONV_WIDTH, NARROW_LAYERS, NARROWER = 256, 96, 2, 3


class AutoStudent(StudentSettings):
    """Students tried in order, each from first weights to int8 where a quantize stage follows; the first within the budget is taken.

    The order is that of their speed, so the first that answers well enough is also the fastest that does.
    """

    layered: ClassVar[bool] = True
    heads_known: ClassVar[frozenset[str] | None] = None

    family: Literal["auto"] = setting("auto", "kind of student")
    rungs: tuple[Rung, ...] = setting(
        (),
        "students in the order of trying: [{family: static}, {layers: 2, hidden: 128, init: pca}]; by default static, conv, a narrow and "
        "a shallow transformer, as far as they fit task and teacher",
    )
    max_drop: float | None = setting(
        None,
        "how far the task's figure on validation rows may fall below the teacher's; by default the budget's accuracy_drop, or 0.01",
        ge=0,
    )

    @property
    def pieceless(self) -> bool:
        """Whether a rung may be tried that has no layers to look into."""
        return not self.rungs or any(not rung.layered for rung in self.rungs)

    def problems(self, task: Task | None = None) -> Found:
        """Yield what is wrong with these settings, with the path inside them."""
        yield from super().problems(task)
        if self.rungs and self.vocabulary is not None:
            sentence = "vocabulary is that of the default rungs, and rungs are named"
            yield ("vocabulary",), Problem("P280", sentence, "give each rung a vocabulary of its own")
        for number, rung in enumerate(self.rungs):
            for path, problem in rung.problems(task):
                yield ("rungs", number, *path), problem


def default_rungs(
    task: Task, *, layers: int, hidden: int, head_size: int, vocabulary: int | Pieces | None
) -> tuple[StudentSettings, ...]:
    """Return the students to try for a teacher, the cheapest first; families without a head for the task are left out.

    Args:
        task: what they must do.
        layers: of the teacher.
        hidden: width of its residual stream.
        head_size: numbers in one of its attention heads.
        vocabulary: of each student; None for the teacher's.
    """
    narrow = max(head_size, hidden // NARROWER // head_size * head_size)
    wanted: tuple[StudentSettings, ...] = (
        StaticStudent(vocabulary=vocabulary, hidden=min(STATIC_WIDTH, hidden)),
        ConvStudent(vocabulary=vocabulary, hidden=min(CONV_WIDTH, hidden)),
        TransformerStudent(vocabulary=vocabulary, layers=min(NARROW_LAYERS, layers), hidden=narrow, init="pca"),
        TransformerStudent(vocabulary=vocabulary, layers=max(1, layers // 2)),
    )
    return tuple(rung for rung in wanted if not any(True for _ in rung.problems(task)))


def rung_names(rungs: tuple[StudentSettings, ...]) -> Iterator[str]:
    """Yield a name for each rung, unique: `static`, `conv`, `2 layers of 128`, `3 layers`."""
    seen: dict[str, int] = {}
    for rung in rungs:
        name = rung.family if rung.family != "transformer" else _shape(rung)
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name}, {seen[name]}"


def _shape(rung: StudentSettings) -> str:
    layers, hidden = getattr(rung, "layers", None), getattr(rung, "hidden", None)
    count = len(layers) if isinstance(layers, tuple) else layers
    if getattr(rung, "config", None):
        return f"a {rung.config['model_type']} of its own"  # type: ignore[attr-defined]
    depth = "all layers" if count is None else f"{count} layer{'s' * (count != 1)}"
    return f"{depth} of {hidden}" if hidden else depth
