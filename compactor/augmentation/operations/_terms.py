"""The list of operations in a profile: `- replace: {share: 0.3, weight: 2}` → a checked operation with a weight."""

from __future__ import annotations

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

from compactor.augmentation.operations._contract import Operation
from compactor.base.errors import CompactorError
from compactor.base.registry import Registry
from compactor.base.settings import Settings

OPERATIONS: Registry[Operation] = Registry("compactor.augmentation.operations", Operation)

Weight = Annotated[float, Field(gt=0)]


class NoiseTerm(Settings):
    """One operation and how often it is chosen.

    In a profile it is a name, or a mapping with one name, the operation's or the path of a user's own file; its options and its weight
    stand below.
    """

    name: str = Field(description="the operation")
    weight: Weight = Field(1.0, description="how often it is chosen, beside the weights of the others")
    operation: SerializeAsAny[Operation] = Field(description="its options")
    source_hash: str = Field("", description="hash of a user's own file")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, NoiseTerm) or (isinstance(value, dict) and isinstance(value.get("operation"), Operation)):
            return value
        if isinstance(value, str):
            value = {value: {}}
        if not (isinstance(value, dict) and len(value) == 1):
            raise PydanticCustomError("noise_shape", "an operation is a name with options, such as drop: {share: 0.2}")
        ((name, options),) = value.items()
        near = tuple((info.context or {}).get("near", ())) or (Path(),)
        return _term(name, {} if options is None else options, near)

    @model_serializer(mode="plain")
    def _write(self) -> dict[str, Any]:
        return {self.name: {**self.operation.model_dump(mode="json", exclude_unset=True), "weight": self.weight}}

    @classmethod
    def __get_pydantic_json_schema__(cls, _core: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        named = {}
        for name in OPERATIONS.names():
            schema = handler.resolve_ref_schema(handler(OPERATIONS.load(name).__pydantic_core_schema__))
            weight = handler(TypeAdapter(Weight).core_schema)
            named[name] = {**schema, "properties": {**schema.get("properties", {}), "weight": weight}}
        entry = {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": named}
        return {"anyOf": [{"enum": OPERATIONS.names()}, {"type": "string", "pattern": r"\.py$"}, entry]}

    def key(self) -> dict[str, Any]:
        """Return what enters the cache key: name, weight, options, and the hash of a user's own file."""
        return {"name": self.name, "weight": self.weight, "options": self.operation.key(), "source": self.source_hash}


NoiseList = Annotated[tuple[NoiseTerm, ...], Field(min_length=1)]


def parse_noise(values: list[Any], near: tuple[Path, ...] = ()) -> tuple[NoiseTerm, ...]:
    """Return the operations of a list as it stands in a profile; `near` is where a user's own files are looked for."""
    adapter: TypeAdapter[tuple[NoiseTerm, ...]] = TypeAdapter(NoiseList)
    return adapter.validate_python(values, context={"near": near})


def _term(name: Any, options: Any, near: tuple[Path, ...]) -> dict[str, Any]:
    """Load an operation and check its options; every error carries the operation's name in its location."""
    kind, source_hash = _load(name, near)
    if not isinstance(options, dict):
        raise PydanticCustomError("noise_shape", "the options of {name} must be settings (name: value)", {"name": name})
    options = dict(options)
    weight = options.pop("weight", 1.0)
    try:
        operation = kind.model_validate(options)
    except ValidationError as error:
        raise ValidationError.from_exception_data(name, [_inside(entry, name, kind) for entry in error.errors()]) from error
    return {"name": name, "weight": weight, "operation": operation, "source_hash": source_hash}


def _inside(entry: Any, name: str, kind: type[Operation]) -> InitErrorDetails:
    """Return one error with the operation's name in front of its place; an unknown option gets a suggestion."""
    what: Any = entry["type"]
    if what == "extra_forbidden":
        option = str(entry["loc"][-1])
        text = f"unknown setting {option!r} ({_did_you_mean(option, sorted({*kind.model_fields, 'weight'}))})"
        what = PydanticCustomError("noise_option", "{text}", {"text": text})
    elif what == "value_error":
        what = PydanticCustomError("noise_option", "{text}", {"text": str(entry["ctx"]["error"])})
    return InitErrorDetails(type=what, loc=(name, *entry["loc"]), input=entry["input"], ctx=entry.get("ctx", {}))


def _load(name: Any, near: tuple[Path, ...]) -> tuple[type[Operation], str]:
    if not str(name).endswith(".py"):
        if name not in OPERATIONS.names():
            hint = _did_you_mean(str(name), OPERATIONS.names())
            raise PydanticCustomError("noise_name", "there is no operation {name} ({hint})", {"name": repr(name), "hint": hint})
        return OPERATIONS.load(name), ""
    folder = next((folder for folder in near if (folder / name).is_file()), near[-1])
    try:
        return OPERATIONS.load(name, folder), OPERATIONS.source_hash(name, folder)
    except CompactorError as error:
        raise PydanticCustomError("noise_file", "{text}", {"text": error.problem.sentence}) from error
    except Exception as error:  # whatever a user's file raises while it is imported
        text = f"{name} cannot be imported: {type(error).__name__}: {error}"
        raise PydanticCustomError("noise_file", "{text}", {"text": text}) from error


def _did_you_mean(name: str, known: list[str]) -> str:
    import difflib  # only who misspells pays for it

    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"one of {', '.join(known)}"
