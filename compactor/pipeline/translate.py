"""Turn pydantic's errors into problems of the profile: the place in the YAML, plain words, a suggestion."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core.core_schema import ErrorType

from compactor.base.errors import Problem
from compactor.base.suggest import did_you_mean
from compactor.pipeline.reader import DataPath, Places, describe

WANTED = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "dict": "settings (name: value)",
    "model": "settings (name: value)",
    "dataclass": "settings (name: value)",
    "path": "a path",
    "none": "nothing",
    "int_from_float": "a whole number",
    "model_attributes_type": "settings (name: value)",
    "none_required": "nothing",
    "is_instance_of": "another value",
}
EXAMPLES = {int: "1", float: "0.1", bool: "true", str: "text", list: "[...]", tuple: "[...]", dict: "{...}"}
PYDANTICS_OWN = frozenset(get_args(ErrorType))
BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def translate(
    error: ValidationError, model: type[BaseModel], data: Any, places: Places, at: DataPath = (), called: str = ""
) -> list[Problem]:
    """Translate all of pydantic's errors about one part of the profile.

    Args:
        error: what pydantic raised.
        model: what was validated; its fields are what a misspelt name is compared with.
        data: the whole document's plain data.
        places: where its keys and values stand.
        at: path of the part that was validated.
        called: what that part is called, where its path does not end in a name.
    """
    found = [(data_path(data, at, entry["loc"]), entry) for entry in error.errors(include_url=False)]
    types = [(path, wanted) for path, entry in found if (wanted := _wanted_type(entry["type"]))]
    others = [(path, entry) for path, entry in found if not _wanted_type(entry["type"]) and not _follows(path, entry, found)]
    told = [(entry, _problem(entry, model, data, places, path, called if path == at else "")) for path, entry in others]
    # A misspelt name is told once: not a second time as the setting that is therefore missing.
    suggested = {problem.hint for entry, problem in told if entry["type"] == "extra_forbidden"}
    problems = [
        problem for entry, problem in told if entry["type"] != "missing" or _suggesting(entry["loc"][-1]) not in suggested
    ]
    # A union reports an error for each member: they are told as one, and not at all when one member fits better, which shows below.
    better = {path for path, _ in others}
    for path in dict.fromkeys(path for path, _ in types):
        below = {other for other, _ in types if other != path} | better
        if not any(other[: len(path)] == path for other in below):
            kinds = [wanted for other, wanted in types if other == path]
            problems.append(_wrong_type(kinds, value_at(data, path), places, path))
    return list(dict.fromkeys(problems))


def _follows(path: DataPath, entry: Any, found: list[tuple[DataPath, Any]]) -> bool:
    """Say whether a list is only too short because its items were refused, which is told already."""
    return entry["type"] == "too_short" and any(len(other) > len(path) and other[: len(path)] == path for other, _ in found)


def _suggesting(name: str | int) -> str:
    return f"did you mean {str(name)!r}?"


def _wanted_type(kind: str) -> str:
    """Return in plain words which type pydantic wanted; empty for an error of another sort."""
    word, _, how = kind.rpartition("_")
    return WANTED.get(kind) or (WANTED.get(word, "") if how in {"type", "parsing", "from"} else "")


def data_path(data: Any, at: DataPath, loc: Sequence[str | int]) -> DataPath:
    """Follow pydantic's location through the data; what the data does not have (names of union members) is skipped.

    A member given as a mapping with one name (`hinton: {temperature: 4}`) is entered when the name alone is left out of `loc`.
    """
    path = at
    current: Any = value_at(data, at)
    for element in loc:
        if isinstance(current, dict) and len(current) == 1 and element not in current:
            ((name, inner),) = current.items()
            if isinstance(inner, dict) and element in inner:
                path, current = (*path, name), inner
        if (isinstance(current, dict) and element in current) or (
            isinstance(current, list) and isinstance(element, int) and element < len(current)
        ):
            path, current = (*path, element), value_at(current, (element,))
    return path


def value_at(data: Any, path: DataPath) -> Any:
    """Return the value at a path of plain data; None when there is none."""
    for element in path:
        try:
            data = data[element]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _problem(entry: Any, model: type[BaseModel], data: Any, places: Places, path: DataPath, called: str) -> Problem:
    kind, context = entry["type"], entry.get("ctx", {})
    name = str(entry["loc"][-1]) if entry["loc"] else ""
    told = called or _name(path)
    if kind == "extra_forbidden":
        known = field_names(model, entry["loc"][:-1])
        return Problem("P004", f"unknown setting {name!r}", did_you_mean(name, known), places.key(path))
    if kind == "missing":
        hint = f"add for example {name}: {_example(model, entry['loc'])}"
        return Problem("P007", f"the setting {name!r} is missing{f' in {told}' if told else ''}", hint, places.key(path))
    value = describe(value_at(data, path))
    if kind in BOUNDS:
        words, bound = BOUNDS[kind]
        return Problem("P008", f"{told} is {value}", f"it must be {words} {context[bound]:g}", places.value(path))
    if kind == "string_pattern_mismatch":
        return Problem("P008", f"{told} is {value}", _description(model, entry["loc"]), places.value(path))
    if kind in {"literal_error", "enum"}:
        choices = [part.strip().strip("'") for part in str(context["expected"]).replace(" or ", ", ").split(",")]
        return Problem("P010", f"{told} is {value}", did_you_mean(str(value_at(data, path)), choices), places.value(path))
    if kind in {"too_short", "too_long", "string_too_short", "string_too_long"}:
        bound = f"at least {context['min_length']}" if "min_length" in context else f"at most {context['max_length']}"
        what = "characters" if kind.startswith("string") else "items"
        return Problem(
            "P008", f"{told} has too {'few' if kind.endswith('short') else 'many'} {what}", bound, places.value(path)
        )
    sentence = str(context.get("error") or entry["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if kind not in {"value_error", "assertion_error"} and kind not in PYDANTICS_OWN:
        # A type that checks its input by hand, as the list of losses does, writes the whole sentence itself.
        unknown = sentence.startswith("unknown setting")
        return Problem("P004" if unknown else "P011", sentence, "", places.key(path) if unknown else places.value(path))
    return Problem("P011", f"{told}: {sentence}" if told else sentence, "", places.value(path))


def _wrong_type(kinds: list[str], value: Any, places: Places, path: DataPath) -> Problem:
    wanted = " or ".join(dict.fromkeys(kind for kind in kinds if kind != "nothing"))
    sentence = f"{_name(path)} must be {wanted}, not {describe(value)}"
    hint = "write it with a point, such as 0.5" if "number" in wanted and _comma_number(value) else ""
    return Problem("P006", sentence, hint, places.value(path))


def _comma_number(value: Any) -> bool:
    return isinstance(value, str) and value.count(",") == 1 and value.replace(",", "").strip().isdigit()


def _name(path: DataPath) -> str:
    """Name a value by the last word of its path, with the number where it is an item of a list."""
    words = [part for part in path if isinstance(part, str)]
    if not words:
        return ""
    numbers = path[len(path) - path[::-1].index(words[-1]) :]
    return words[-1] + "".join(f"[{number}]" for number in numbers)


def field_names(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """Return the names that may stand at pydantic's location `loc` below a model."""
    return sorted({name for reached in _models(model, loc) for name in _fields(reached)})


def _example(model: type[BaseModel], loc: Sequence[str | int]) -> str:
    for reached in _models(model, loc[:-1]):
        info = _fields(reached).get(str(loc[-1]))
        if info is not None:
            if info.examples:
                return str(info.examples[0])
            for member in _members(info.annotation):
                if get_args(member) and not isinstance(get_args(member)[0], type) and isinstance(get_args(member)[0], str):
                    return str(get_args(member)[0])
                if (example := EXAMPLES.get(get_origin(member) or member)) is not None:
                    return example
    return "..."


def _description(model: type[BaseModel], loc: Sequence[str | int]) -> str:
    found = (_fields(reached).get(str(loc[-1])) for reached in _models(model, loc[:-1]))
    return next((info.description for info in found if info is not None and info.description), "")


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _models(model: type[BaseModel], loc: Sequence[str | int]) -> list[type[BaseModel]]:
    """Walk the annotations along `loc`, skipping what names no field, and return the models reached."""
    reached = [model]
    for element in loc:
        inner = [
            found
            for one in reached
            if element in (fields := _fields(one))
            for found in _inside(fields[str(element)].annotation)
        ]
        named = [one for one in reached if one.__name__ == element]
        reached = inner or named or reached
    return reached


def _inside(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models inside an annotation: of a union, a list, a tuple, a dict's values."""
    for member in _members(annotation):
        if isinstance(member, type) and issubclass(member, BaseModel):
            yield member
        else:
            for argument in get_args(member):
                yield from _inside(argument)


def _members(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in {Union, types.UnionType}:
        return tuple(member for member in get_args(annotation) if member is not type(None))
    return (annotation,)
