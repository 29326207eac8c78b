"""Free what no run refers to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compactor.base.atomic import read_json
from compactor.base.errors import CompactorError, Problem, ProfileError
from compactor.pipeline.references import REFERENCES
from compactor.pipeline.status import folder_bytes
from compactor.pipeline.store import Store

PLAN = "plan.json"


@dataclass(frozen=True)
class Unused:
    """One folder of the store that no run refers to."""

    folder: Path
    what: str
    size_bytes: int


def unused(store: Store, runs: Path) -> list[Unused]:
    """List the folders of a store whose key stands in no run's references, and which nobody is making.

    A run refers to its steps, its by-products, and through its plan to the steps that it has not reached yet.
    """
    kept = needed(runs)
    return [
        Unused(folder, what, folder_bytes(folder))
        for folder, what in store.entries()
        if folder.name not in kept and not store.in_use(folder)
    ]


def needed(runs: Path) -> set[str]:
    """Return the keys that the runs of a folder refer to.

    Raises:
        CompactorError: R141 what a run needs cannot be read: then nothing may go.
    """
    kept: set[str] = set()
    for run in runs.glob("*"):
        for path, keys in ((run / REFERENCES, _keys_of_references), (run / PLAN, _keys_of_plan)):
            if path.is_file():
                kept |= _read(path, keys)
    return kept


def _read(path: Path, keys: Callable[[Any], set[str]]) -> set[str]:
    try:
        return keys(read_json(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        sentence = f"{path} cannot be read, so that nobody knows what its run needs; nothing is freed"
        hint = "run its profile again, which writes it anew, or delete the folder of that run"
        raise CompactorError("R141", sentence, hint) from error


def _keys_of_references(references: Any) -> set[str]:
    if not isinstance(references, list) or not all(isinstance(key, str) for key in references):
        raise TypeError("no list of keys")
    return set(references)


def _keys_of_plan(plan: Any) -> set[str]:
    return {step["key"] for step in plan["steps"]}


def sweep(store: Store, runs: Path, entries: list[Unused]) -> int:
    """Delete the folders that are still not needed, since runs may have begun meanwhile; return the bytes freed."""
    kept = needed(runs)
    return sum(entry.size_bytes for entry in entries if entry.folder.name not in kept and store.remove(entry.folder))


def shared_warning(store: Store, runs: Path) -> str:
    """Return what to know before a store is cleaned that runs of other folders may use; empty where it belongs to these runs alone.

    Raises:
        ProfileError: R140 such a store, and not one run to tell what is needed.
    """
    if store.root == (runs / ".store").absolute():
        return ""
    if not any((run / PLAN).is_file() for run in runs.glob("*")):
        sentence = f"{store.root} may be used by runs of other folders, and {runs} has no run: everything would be freed"
        hint = "name the folder of the runs with --runs, or delete the store yourself if nobody needs it"
        raise ProfileError([Problem("R140", sentence, hint)])
    return f"{store.root} may be shared: what only runs outside {runs} need is listed too, and they would have to make it again"
