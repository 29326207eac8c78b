"""Entries of a profile's lists that name a member of a registry, its options and weight: `- hinton: {temperature: 4, weight: 0.9}`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_serializer,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from compactor.base.errors import CompactorError
from compactor.base.paths import under
from compactor.base.registry import Registry
from compactor.base.settings import Settings
from compactor.base.suggest import nearest


@dataclass(frozen=True)
class NamedOptions:
    """How the entries of one list are read.

    Attributes:
        registry: the members that may be named, beside a user's own files.
        what: what a member is called in a sentence: loss.
        weight: the type of `weight`.
        example: an entry, for a sentence.
    """

    registry: Registry[Any]
    what: str
    weight: Any
    example: str

    def read(self, value: Any, near: tuple[Path, ...]) -> dict[str, Any]:
        """Return `{name, weight, source_hash}` and, under what a member is called, its checked options.

        Args:
            value: a name, or a mapping with one name.
            near: folders where a user's own files are looked for.

        Raises:
            PydanticCustomError, ValidationError: with the member's name in the location of each error.
        """
        if isinstance(value, str):
            value = {value: {}}
        if not (isinstance(value, dict) and len(value) == 1):
            raise _refused(f"{_article(self.what)} is a name with options, such as {self.example}")
        ((name, options),) = value.items()
        kind, source_hash = self._load(name, near or (Path(),))
        if not isinstance(options or {}, dict):
            raise _refused(f"the options of {name} must be settings (name: value)")
        weight, checked = self._check(name, kind, dict(options or {}))
        return {"name": name, "weight": weight, self.what: checked, "source_hash": source_hash}

    def schemas(self, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the JSON schema of each member's options with its weight; shared parts go where the whole schema keeps them."""
        found, weight = {}, handler(TypeAdapter(self.weight).core_schema)
        for name in self.registry.names():
            schema = handler.resolve_ref_schema(handler(self.registry.load(name).__pydantic_core_schema__))
            found[name] = {**schema, "properties": {**schema.get("properties", {}), "weight": weight}}
        return found

    def _load(self, name: Any, near: tuple[Path, ...]) -> tuple[Any, str]:
        if not str(name).endswith(".py"):
            if name not in self.registry.names():
                raise _refused(f"there is no {self.what} {name!r} ({_did_you_mean(str(name), self.registry.names())})")
            return self.registry.load(name), ""
        folder = next((folder for folder in near if under(folder, name).is_file()), near[-1])
        try:
            return self.registry.load(name, folder), self.registry.source_hash(name, folder)
        except CompactorError as error:
            raise _refused(error.problem.sentence) from error
        except Exception as error:  # whatever a user's file raises while it is imported
            raise _refused(f"{name} cannot be imported: {type(error).__name__}: {error}") from error

    def _check(self, name: str, kind: Any, options: dict[str, Any]) -> tuple[Any, Any]:
        """Return the weight and the member's checked options; what is wrong with either is told at once."""
        errors = list[InitErrorDetails]()
        weight: Any = 1.0
        checked: Any = None
        if "weight" in options:
            try:
                weight = TypeAdapter(self.weight).validate_python(options.pop("weight"))
            except ValidationError as error:
                errors += _inside(error, (name, "weight"), [])
        try:
            checked = kind.model_validate(options)
        except ValidationError as error:
            errors += _inside(error, (name,), sorted({*kind.model_fields, "weight"}))
        if errors:
            raise ValidationError.from_exception_data(name, errors)
        return weight, checked


class NamedTerm(Settings):
    """One entry of such a list, read and checked.

    In a profile it is a name, or a mapping with one name, the member's or the path of a user's own file; its options and its weight
    stand below. A subclass adds `entries`, the type of `weight`, and the options under what a member is called.
    """

    entries: ClassVar[NamedOptions]

    name: str = Field(description="which one, or the path of a user's own file")
    weight: Any = Field(1.0, description="its part beside the others")
    source_hash: str = Field("", description="hash of a user's own file")

    @property
    def options(self) -> Settings:
        """The member with its options."""
        member: Settings = getattr(self, self.entries.what)
        return member

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, cls) or (isinstance(value, dict) and isinstance(value.get(cls.entries.what), Settings)):
            return value
        return cls.entries.read(value, tuple((info.context or {}).get("near", ())))

    @model_serializer(mode="plain")
    def _write(self) -> dict[str, Any]:
        options = self.options.model_dump(mode="json", exclude_unset=True, by_alias=True)
        weight = self.weight
        if isinstance(weight, Settings):
            weight = weight.model_dump(by_alias=True, exclude_unset=True)
        return {self.name: {**options, "weight": weight}}

    @classmethod
    def __get_pydantic_json_schema__(cls, _core: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        entry = {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": cls.entries.schemas(handler)}
        return {"anyOf": [{"enum": cls.entries.registry.names()}, {"type": "string", "pattern": r"\.py$"}, entry]}

    def key(self) -> dict[str, Any]:
        """Return what enters the cache key: name, weight, options, and the hash of a user's own file."""
        weight = self.weight
        return {
            "name": self.name,
            "weight": weight.key() if isinstance(weight, Settings) else weight,
            "options": self.options.key(),
            "source": self.source_hash,
        }


def _inside(error: ValidationError, before: tuple[str, ...], known: list[str]) -> list[InitErrorDetails]:
    """Return the errors of one part with its path in front; an unknown name gets a suggestion."""
    found = list[InitErrorDetails]()
    for entry in error.errors(include_url=False):
        kind: Any = entry["type"]
        if kind == "extra_forbidden" and known:
            name = str(entry["loc"][-1])
            kind = _refused(f"unknown setting {name!r} ({_did_you_mean(name, known)})")
        elif kind == "value_error":
            kind = _refused(str(entry["ctx"]["error"]))
        found.append(InitErrorDetails(type=kind, loc=(*before, *entry["loc"]), input=entry["input"], ctx=entry.get("ctx", {})))
    return found


def _refused(sentence: str) -> PydanticCustomError:
    # As a value, so that braces in a sentence are not taken for places to fill.
    return PydanticCustomError("named_options", "{sentence}", {"sentence": sentence})


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _did_you_mean(name: str, known: list[str]) -> str:
    near = nearest(name, known)
    return f"did you mean {near}?" if near else f"one of {', '.join(known)}"
