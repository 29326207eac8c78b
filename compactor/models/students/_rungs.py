"""The families that have a shape of their own, as a type that a profile can name; a ladder is made of these."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from compactor.models.students._settings import StudentSettings
from compactor.models.students.conv import ConvStudent
from compactor.models.students.static import StaticStudent
from compactor.models.students.transformer import TransformerStudent

SHAPES: dict[str, type[StudentSettings]] = {
    "transformer": TransformerStudent,
    "static": StaticStudent,
    "conv": ConvStudent,
}


def family_of(value: Any) -> str:
    """Return the family that settings of a student ask for; the transformer where none is named."""
    family = value.get("family", "transformer") if isinstance(value, dict) else getattr(value, "family", "")
    return str(family)


def _shape(value: Any) -> str | None:
    kind = SHAPES.get(family_of(value))
    return kind.__name__ if kind is not None else None


# Tags are the names of the classes: so errors find the fields that a misspelt name is compared with.
Rung = Annotated[
    Annotated[TransformerStudent, Tag("TransformerStudent")]
    | Annotated[StaticStudent, Tag("StaticStudent")]
    | Annotated[ConvStudent, Tag("ConvStudent")],
    Discriminator(
        _shape,
        custom_error_type="student_family",
        custom_error_message=f"the student's family is one of {', '.join(SHAPES)}, as in student: {{family: static}}",
    ),
]
