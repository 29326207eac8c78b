"""Students: what a profile can ask for (one settings file a family), and how one is built. Light: torch is imported when one is built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, Tag

from compactor.models.students._rungs import SHAPES, Rung, family_of
from compactor.models.students._settings import Pieces, StudentSettings
from compactor.models.students.auto import AutoStudent
from compactor.models.students.conv import ConvStudent
from compactor.models.students.static import StaticStudent
from compactor.models.students.transformer import TransformerStudent, kept_layers

if TYPE_CHECKING:
    import numpy as np

    from compactor.tasks import Task

__all__ = [
    "FAMILIES",
    "SHAPES",
    "AutoStudent",
    "ConvStudent",
    "Pieces",
    "Rung",
    "StaticStudent",
    "Student",
    "StudentSettings",
    "TransformerStudent",
    "build_student",
    "kept_layers",
]

FAMILIES: dict[str, type[StudentSettings]] = {**SHAPES, "auto": AutoStudent}


def _family(value: Any) -> str | None:
    """Return the class that a profile's `student:` asks for."""
    kind = FAMILIES.get(family_of(value))
    return kind.__name__ if kind is not None else None


# Tags are the names of the classes: so errors find the fields that a misspelt name is compared with.
Student = Annotated[
    Annotated[TransformerStudent, Tag("TransformerStudent")]
    | Annotated[StaticStudent, Tag("StaticStudent")]
    | Annotated[ConvStudent, Tag("ConvStudent")]
    | Annotated[AutoStudent, Tag("AutoStudent")],
    Discriminator(
        _family,
        custom_error_type="student_family",
        custom_error_message=f"the student's family is one of {', '.join(FAMILIES)}, as in student: {{family: static}}",
    ),
]


def build_student(
    teacher: Any,
    settings: StudentSettings,
    *,
    task: Task,
    batches: Iterable[Mapping[str, np.ndarray]] = (),
    seed: int = 0,
    tokenizer: Path | None = None,
    encoder: Path | None = None,
) -> tuple[Any, dict[str, Any]]:
    """Build a student of any family from a teacher, which is not changed.

    Args:
        teacher: the model it grows from; it reads the pieces that the student will read.
        settings: the family and the shape wanted.
        task: names the transformers class.
        batches: encoded training rows, some hundred, looked at where the family or `init` needs texts.
        seed: for weights that are random.
        tokenizer: folder of the tokenizer that both read; needed where pieces are sent through an encoder.
        encoder: folder of the model that `settings.named_model` names, where it is not the one to grow from.

    Returns:
        (student, facts), the student in `eval()`. Facts of a transformer: `kept_layers` (from 0), `hidden`, `heads`, `intermediate`,
        `init`, `embedding` where factorized; for `pca` also `variance_kept`. Of static and conv: `hidden`, `pieces`, `init`,
        `variance_kept`.

    Raises:
        StageError: L170 the shape does not fit the teacher; L171 to L173 see the families' builders.
    """
    if isinstance(settings, TransformerStudent):
        from compactor.models.transformer_student import build

        return build(teacher, settings, task=task, batches=batches, seed=seed)
    from compactor.models.piece_student import build_piece_student

    assert isinstance(settings, (StaticStudent, ConvStudent))
    return build_piece_student(teacher, settings, task=task, batches=batches, seed=seed, tokenizer=tokenizer, encoder=encoder)
