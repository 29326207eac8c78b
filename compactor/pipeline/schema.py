"""The JSON schema of a whole profile (draft 2020-12), made from the declared settings of the head and of every shipped stage."""

from __future__ import annotations

import inspect
from typing import Any

from pydantic import BaseModel

from compactor.base.registry import Registry
from compactor.pipeline.head import Head
from compactor.stages import STAGES, Stage
from compactor.targets import target_names
from compactor.tasks import TASKS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def profile_schema(registry: Registry[Stage] = STAGES) -> dict[str, Any]:
    """Return the schema: names of tasks, targets and stages, and each setting with its type, default, range and one line of text."""
    definitions: dict[str, Any] = {}
    head = _of_model(Head, definitions)
    properties = head["properties"]
    properties["task"] |= {"enum": [name.replace("_", "-") for name in TASKS.names()]}
    properties["target"] |= {"anyOf": [{"enum": target_names()}, {"pattern": r"\.ya?ml$"}]}
    properties["stages"] |= {"minItems": 1, "items": _stages(registry, definitions)}
    return {"$schema": DIALECT, "title": "compactor profile", **head, "$defs": dict(sorted(definitions.items()))}


def _stages(registry: Registry[Stage], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one item of `stages`: a name alone, or one name with its settings; or a user's own file."""
    named: dict[str, Any] = {}
    for name in registry.names():
        stage = registry.load(name)
        definitions[f"stage-{name}"] = {"description": inspect.getdoc(stage), **_of_model(stage, definitions)}
        named[name] = {"anyOf": [{"$ref": f"#/$defs/stage-{name}"}, {"type": "null"}]}
    own = {r"\.py$": {"type": ["object", "null"]}}
    entry = {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": named, "patternProperties": own}
    alone = {"anyOf": [{"enum": registry.names()}, {"type": "string", "pattern": r"\.py$"}]}
    return {"anyOf": [alone, {**entry, "additionalProperties": False}]}


def _of_model(model: type[BaseModel], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return a model's own schema; the models inside it join `definitions`."""
    schema = model.model_json_schema(by_alias=True)
    definitions |= schema.pop("$defs", {})
    schema.pop("title", None)
    return schema
