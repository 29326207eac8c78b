"""The docs page of every setting, made from the declared settings, so that it cannot go stale."""

from __future__ import annotations

import inspect
import types
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from compactor.augmentation.operations import OPERATIONS
from compactor.distillation.losses import LOSSES
from compactor.pipeline.head import Head
from compactor.stages import STAGES

INTRODUCTION = """\
# Every setting of a profile

Made from the code by `compactor schema --markdown`; a test holds this page to it. A profile is one YAML file; what is not named
takes its default. `--set distill.train.epochs=1` overrides a setting from the command line, and is stored with the run.
Settings marked *free* cannot change a result and stay out of the cache key.
"""


def settings_page() -> str:
    """Return the page in Markdown."""
    pages = [INTRODUCTION, *_section("## The head", Head)]
    for name in ("teacher", *sorted(set(STAGES.names()) - {"teacher"})):
        pages += _section(f"## Stage `{name}`", STAGES.load(name))
    pages.append(
        "## Losses\n\nItems of `losses`; each also takes `weight`: a number, or `{from: 0.9, to: 0.5}` over the training.\n"
    )
    for name in LOSSES.names():
        pages += _section(f"### `{name}`", LOSSES.load(name))
    pages.append(
        "## Operations\n\nItems of `augment.noise`; each also takes `weight`: how often it is chosen beside the others.\n"
    )
    for name in OPERATIONS.names():
        pages += _section(f"### `{name}`", OPERATIONS.load(name))
    return "\n".join(pages)


def _section(title: str, model: type[BaseModel], told: set[type[BaseModel]] | None = None) -> list[str]:
    """Return a heading, the class's first line, its table, and the tables of the settings inside it."""
    told = set() if told is None else told
    lines = [f"{title}\n", f"{(inspect.getdoc(model) or '').splitlines()[0]}\n"]
    if model.model_fields:
        lines += ["| setting | type | default | |", "|---|---|---|---|"]
        lines += [_row(field.alias or name, field) for name, field in model.model_fields.items()]
        lines.append("")
    level = "#" * (title.split(" ")[0].count("#") + 1)
    for name, field in model.model_fields.items():
        for inner in _models(field.annotation):
            if inner not in told:
                told.add(inner)
                lines += _section(f"{level} `{name}`: {inner.__name__}", inner, told)
    return lines


def _row(name: str, field: FieldInfo) -> str:
    extra = field.json_schema_extra
    free = " *free*" if isinstance(extra, dict) and extra.get("free") else ""
    return f"| `{name}` | {_type(field.annotation)} | {_default(field)} | {field.description or ''}{free} |"


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        return "*needed*"
    if isinstance(default, BaseModel):
        changed = default.model_dump(exclude_unset=True)
        return f"`{changed}`" if changed else ""
    return "" if default is None or field.default_factory is not None else f"`{default}`"


def _type(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(each) for each in inner if each is not type(None))
    if origin in (tuple, list):
        return f"list of {kind}" if inner and (kind := _type(inner[0])) else "list"
    if origin is dict:
        return "settings"
    if origin is not None and hasattr(annotation, "__metadata__"):
        return _type(inner[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "settings"
    names = {int: "whole number", float: "number", str: "text", bool: "yes or no", dict: "settings"}
    return names.get(annotation, "")


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Return the settings classes inside a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]
