"""The state of a planned step, and why it must be made: what differs from the run before, in words."""

from __future__ import annotations

from typing import Any, Literal

from compactor.base.hashing import hash_value
from compactor.pipeline.store import Store

State = Literal["in store", "started", "to do"]
SOURCE_WORDS = {
    "source": "the step it starts from",
    "teacher": "the teacher",
    "extra": "the rows of the augment stage",
    "larger": "the larger model",
}


def state_of(
    store: Store, key: str, label: str, parts: dict[str, Any], settings: dict[str, Any], previous: dict[str, Any] | None
) -> tuple[State, str]:
    """Return the state of a step and the reason for it.

    Args:
        store: where its artifact may lie.
        key: of the step.
        label: its name in the plan.
        parts: what the key was made of, where settings at their default are left out.
        settings: all settings.
        previous: the plan of the run before.
    """
    if store.find(key) is not None:
        return "in store", ""
    if store.started(key):
        return "started", "a run was stopped here; it goes on from its last checkpoint"
    earlier = next((step for step in (previous or {}).get("steps", []) if step["label"] == label), None)
    if earlier is None:
        return "to do", "not made before"
    if earlier["key"] == key:
        return "to do", "its artifact is gone from the store" if earlier["state"] == "in store" else "not made before"
    before = earlier.get("settings") or {}
    now = _not_newer(settings, before, parts["settings"])
    found = changes({**earlier["parts"], "settings": before}, {**parts, "settings": now})
    return "to do", "; ".join(found) or "not made before"


def _not_newer(settings: dict[str, Any], before: dict[str, Any], chosen: dict[str, Any]) -> dict[str, Any]:
    """Leave out what the run before did not know and nobody chose: a setting that came with a newer compactor changed nothing."""
    return {
        name: _not_newer(value, before[name], chosen.get(name) or {})
        if isinstance(value, dict) and isinstance(before.get(name), dict)
        else value
        for name, value in settings.items()
        if name in before or name in chosen
    }


def changes(old: dict[str, Any], new: dict[str, Any], path: str = "") -> list[str]:
    """Say in words what differs between the parts of two keys."""
    words: list[str] = []
    for name in dict.fromkeys([*old, *new]):
        before, after, where = old.get(name), new.get(name), f"{path}{name}"
        if hash_value(before) == hash_value(after):
            continue
        if name in SOURCE_WORDS and not path:
            words.append(f"{SOURCE_WORDS[name]} changed")
        elif isinstance(before, dict) and isinstance(after, dict):
            words += changes(before, after, f"{where}.")
        elif "content" in where or name in {"files", "profile"}:
            words.append(f"the content of {where.removesuffix('.content')} changed")
        else:
            told = [part.get(name, "its default") for part in (old, new)]
            words.append(f"{where.removeprefix('settings.')} changed from {told[0]} to {told[1]}")
    return words
