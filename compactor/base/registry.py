"""Things found by listing a folder: names cost no import, a thing is imported only when a profile names it."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

from compactor.base.errors import CompactorError
from compactor.base.paths import under

Contract = TypeVar("Contract")
USER_MODULE = "compactor_user_"


@dataclass(frozen=True)
class Registry(Generic[Contract]):
    """The members of one folder, such as `compactor.stages`.

    Attributes:
        package: the folder, as it is imported; files whose name begins with `_` are not members.
        contract: the class that a member defines exactly one subclass of.
        apart: further files that are not members, since others import them by name.
    """

    package: str
    contract: type[Contract]
    apart: frozenset[str] = frozenset()

    def names(self) -> list[str]:
        """List the members without importing any."""
        return [name for name in _files(self.package) if not name.startswith("_") and name not in self.apart]

    def load(self, name: str, near: Path | None = None) -> type[Contract]:
        """Import one member, or a user's own file when the name ends in `.py` (relative to `near`)."""
        if name.endswith(".py"):
            return self._member(import_file(under(near or Path(), name)), name)
        return self._member(importlib.import_module(f"{self.package}.{name.replace('-', '_')}"), name)

    def source_hash(self, name: str, near: Path | None = None) -> str:
        """Return the hash of a user's own file, for the cache key; an empty string for a shipped member."""
        if not name.endswith(".py"):
            return ""
        from compactor.base.hashing import hash_file

        return hash_file(under(near or Path(), name))

    def _member(self, module: ModuleType, name: str) -> type[Contract]:
        found = [
            value
            for value in vars(module).values()
            if isinstance(value, type)
            and issubclass(value, self.contract)
            and value.__module__ == module.__name__
            and not value.__name__.startswith("_")
        ]
        if len(found) != 1:
            raise CompactorError(
                "P130", f"{name} must define exactly one {self.contract.__name__}, found {len(found)}", "see CONTRIBUTING.md"
            )
        return found[0]


@cache
def _files(package: str) -> tuple[str, ...]:
    """Return the names of the modules of a package, in order; asked for each name of a profile."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        return ()
    return tuple(sorted(module.name for module in pkgutil.iter_modules(spec.submodule_search_locations)))


def import_file(path: Path) -> ModuleType:
    """Import a user's own file; its module's name begins with `USER_MODULE` and is another for each path."""
    from compactor.base.hashing import hash_value

    if not path.is_file():
        raise CompactorError("P131", f"there is no file {path}", "give the path relative to the profile")
    name = f"{USER_MODULE}{path.stem}_{hash_value(str(path.resolve()))[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CompactorError("P132", f"{path} cannot be imported as Python", "give a .py file")
    module = importlib.util.module_from_spec(spec)
    # Where settings and dataclasses look for what their annotations name, such as Literal.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
