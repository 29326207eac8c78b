"""The list of losses in a profile: `- hinton: {temperature: 4, weight: 0.9}` → a checked term with a weight."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    SerializeAsAny,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_serializer,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from compactor.base.errors import CompactorError
from compactor.base.registry import Registry
from compactor.base.settings import Settings
from compactor.distillation.losses._contract import Loss
from compactor.distillation.schedules import Schedule

LOSSES: Registry[Loss] = Registry("compactor.distillation.losses", Loss)

Weight = Annotated[float, Field(ge=0)] | Schedule


class LossTerm(Settings):
    """One weighted loss.

    In a profile it is a mapping with one name, the loss's or the path of a user's own file; its options and its weight stand below.
    """

    name: str = Field(description="the loss")
    weight: Weight = Field(1.0, description="what the term is multiplied by; a number or {from, to}")
    loss: SerializeAsAny[Loss] = Field(description="its options")
    source_hash: str = Field("", description="hash of a user's own file")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, LossTerm) or (isinstance(value, dict) and isinstance(value.get("loss"), Loss)):
            return value
        if isinstance(value, str):
            value = {value: {}}
        if not (isinstance(value, dict) and len(value) == 1):
            raise PydanticCustomError(
                "loss_shape", "a loss is a name with options, such as hinton: {temperature: 2, weight: 0.9}"
            )
        ((name, options),) = value.items()
        near = tuple((info.context or {}).get("near", ())) or (Path(),)
        return _term(name, {} if options is None else options, near)

    @model_serializer(mode="plain")
    def _write(self) -> dict[str, Any]:
        options = self.loss.model_dump(mode="json", exclude_unset=True, by_alias=True)
        weight = self.weight.model_dump(by_alias=True, exclude_unset=True) if isinstance(self.weight, Schedule) else self.weight
        return {self.name: {**options, "weight": weight}}

    @classmethod
    def __get_pydantic_json_schema__(cls, _core: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {
            "anyOf": [
                {"enum": LOSSES.names()},
                {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": _schemas(handler)},
            ]
        }

    def key(self) -> dict[str, Any]:
        """Return what enters the cache key: name, weight, options, and the hash of a user's own file."""
        weight = self.weight.key() if isinstance(self.weight, Schedule) else self.weight
        return {"name": self.name, "weight": weight, "options": self.loss.key(), "source": self.source_hash}


LossList = Annotated[tuple[LossTerm, ...], Field(min_length=1)]


def parse_losses(values: list[Any], near: tuple[Path, ...] = ()) -> tuple[LossTerm, ...]:
    """Return the terms of a list as it stands in a profile; `near` is where a user's own files are looked for."""
    adapter: TypeAdapter[tuple[LossTerm, ...]] = TypeAdapter(LossList)
    return adapter.validate_python(values, context={"near": near})


def label_terms(terms: tuple[LossTerm, ...]) -> dict[str, LossTerm]:
    """Give each term a name of its own: `hinton`, `hidden_states`, `hidden_states-2`."""
    seen: Counter[str] = Counter()
    labels: dict[str, LossTerm] = {}
    for term in terms:
        word = Path(term.name).stem
        seen[word] += 1
        labels[word if seen[word] == 1 else f"{word}-{seen[word]}"] = term
    return labels


def needs(terms: tuple[LossTerm, ...]) -> frozenset[str]:
    """Return all that the terms need."""
    return frozenset(need for term in terms for need in term.loss.wants())


def _term(name: str, options: Any, near: tuple[Path, ...]) -> dict[str, Any]:
    """Load a loss and check its options; every error carries the loss's name in its location."""
    kind, source_hash = _load(name, near)
    if not isinstance(options, dict):
        raise PydanticCustomError("loss_shape", "the options of {name} must be settings (name: value)", {"name": name})
    given, errors = dict(options), list[InitErrorDetails]()
    weight: float | Schedule = 1.0
    if "weight" in given:
        try:
            weight = TypeAdapter(Weight).validate_python(given.pop("weight"))
        except ValidationError as error:
            errors += _nested(error, (name, "weight"), [])
    try:
        loss = kind.model_validate(given)
    except ValidationError as error:
        errors += _nested(error, (name,), sorted({*kind.model_fields, "weight"}))
    if errors:
        raise ValidationError.from_exception_data(name, errors)
    return {"name": name, "weight": weight, "loss": loss, "source_hash": source_hash}


def _load(name: Any, near: tuple[Path, ...]) -> tuple[type[Loss], str]:
    if not str(name).endswith(".py"):
        if name not in LOSSES.names():
            hint = _did_you_mean(str(name), LOSSES.names())
            raise PydanticCustomError("loss_name", "there is no loss {name} ({hint})", {"name": repr(name), "hint": hint})
        return LOSSES.load(name), ""
    folder = next((folder for folder in near if (folder / name).is_file()), near[-1])
    try:
        return LOSSES.load(name, folder), LOSSES.source_hash(name, folder)
    except CompactorError as error:
        raise PydanticCustomError("loss_file", "{text}", {"text": error.problem.sentence}) from error
    except Exception as error:  # whatever a user's file raises while it is imported
        text = f"{name} cannot be imported: {type(error).__name__}: {error}"
        raise PydanticCustomError("loss_file", "{text}", {"text": text}) from error


def _nested(error: ValidationError, before: tuple[str, ...], known: list[str]) -> list[InitErrorDetails]:
    """Return the errors of one part with its path in front; an unknown name gets a suggestion."""
    found = list[InitErrorDetails]()
    for entry in error.errors(include_url=False):
        kind: Any = entry["type"]
        if kind == "extra_forbidden" and known:
            name = str(entry["loc"][-1])
            text = {"text": f"unknown setting {name!r} ({_did_you_mean(name, known)})"}
            kind = PydanticCustomError("loss_option", "{text}", text)
        elif kind == "value_error":
            kind = PydanticCustomError("loss_option", "{text}", {"text": str(entry["ctx"]["error"])})
        found.append(InitErrorDetails(type=kind, loc=(*before, *entry["loc"]), input=entry["input"], ctx=entry.get("ctx", {})))
    return found


def _did_you_mean(name: str, known: list[str]) -> str:
    import difflib  # only who misspells pays for it

    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"one of {', '.join(known)}"


def _schemas(handler: GetJsonSchemaHandler) -> dict[str, Any]:
    """Return the JSON schema of each loss's options with its weight; shared parts go where the whole schema keeps them."""
    schemas = {}
    weight = handler(TypeAdapter(Weight).core_schema)
    for name in LOSSES.names():
        schema = handler.resolve_ref_schema(handler(LOSSES.load(name).__pydantic_core_schema__))
        schemas[name] = {**schema, "properties": {**schema.get("properties", {}), "weight": weight}}
    return schemas
