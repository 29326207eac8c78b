"""The schema that editors use says what the checks say."""

from __future__ import annotations

import json

from compactor.base.registry import Registry
from compactor.pipeline.schema import profile_schema
from compactor.stages import Stage

FAKE = Registry("tests.pipeline.stages", Stage)


def references(value):
    if isinstance(value, dict):
        yield from ([value["$ref"]] if "$ref" in value else [])
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_every_setting_of_every_stage_is_described():
    schema = profile_schema(FAKE)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["additionalProperties"] is False
    assert {"name", "task", "target", "data", "stages"} <= set(schema["required"])
    assert "laptop-cpu" in json.dumps(schema["properties"]["target"])
    train = schema["$defs"]["Train"]["properties"]
    assert train["epochs"] == {
        "default": 3.0,
        "description": "passes over the data",
        "exclusiveMinimum": 0,
        "title": "Epochs",
        "type": "number",
    }
    assert schema["$defs"]["stage-teacher"]["required"] == ["model"]
    named = schema["properties"]["stages"]["items"]["anyOf"][1]["properties"]
    assert set(named) == set(FAKE.names())


def test_every_reference_is_defined():
    schema = profile_schema(FAKE)
    assert {reference.removeprefix("#/$defs/") for reference in references(schema)} <= set(schema["$defs"])
