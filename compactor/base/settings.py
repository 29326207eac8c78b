"""A setting is declared once: its type, default, range and one-line doc serve checks, help, schema and cache key."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Frozen settings; an unknown name is an error, and every problem is found at once."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=False, arbitrary_types_allowed=True, defer_build=True
    )  # commands start sooner

    def key(self) -> dict[str, Any]:
        """Return what enters the cache key: the settings that can change the result and are not at their default.

        So a new setting, whose default means what was done before, leaves everybody's artifacts valid; a changed default must come
        with a new `version` of its stage.
        """
        values: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            extra = field.json_schema_extra
            value = getattr(self, name)
            if isinstance(extra, dict) and extra.get("free"):
                continue
            if field.is_required() or value != field.get_default(call_default_factory=True):
                values[name] = _plain(value)
        return values


def setting(default: Any = ..., doc: str = "", *, free: bool = False, **limits: Any) -> Any:
    """Declare one setting.

    Args:
        default: the value used when the profile is silent, or what makes it, such as the class of the settings below; `...` makes it
            required. Settings inside settings are named by their class: an instance would make them ready at every start.
        doc: one line for `--help`, the docs page and the JSON schema.
        free: the setting cannot change the result (log interval, workers) and stays out of the cache key.
        limits: pydantic's own, such as `gt=0` or `le=1`.
    """
    extra: dict[str, Any] | None = {"free": True} if free else None
    if isinstance(default, (list, dict, set)):
        return Field(default_factory=default.copy, description=doc, json_schema_extra=extra, **limits)
    if callable(default):
        return Field(default_factory=default, description=doc, json_schema_extra=extra, **limits)
    return Field(default, description=doc, json_schema_extra=extra, **limits)


def _plain(value: Any) -> Any:
    if isinstance(value, Settings):
        return value.key()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    return value
