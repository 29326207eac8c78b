"""A user's own file is imported as any module is: its annotations find their names."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from compactor.base.registry import Registry, import_file
from compactor.base.settings import Settings

OWN = """from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from compactor.base.settings import Settings, setting


@dataclass(frozen=True)
class _Part:
    size: int = 1


class Mine(Settings):
    form: Literal["paper", "code"] = setting("NAME", "which form")
"""


def test_settings_and_dataclasses_of_a_users_file_find_what_their_annotations_name(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN.replace("NAME", "paper"))
    kind = Registry("compactor.distillation.losses", Settings).load("./mine.py", tmp_path)
    assert kind.model_validate({"form": "code"}).key() == {"form": "code"}
    with pytest.raises(ValueError, match="'paper' or 'code'"):
        kind.model_validate({"form": "other"})


def test_files_of_one_name_in_two_folders_are_two_modules(tmp_path: Path) -> None:
    modules = []
    for name in ("paper", "code"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.py").write_text(OWN.replace("NAME", name))
        modules.append(import_file(tmp_path / name / "mine.py"))
    assert [module.Mine().form for module in modules] == ["paper", "code"]
    assert modules[0].__name__ != modules[1].__name__


def test_a_file_that_cannot_be_imported_leaves_no_module_behind(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import no_such_package")
    before = set(sys.modules)
    with pytest.raises(ModuleNotFoundError):
        import_file(tmp_path / "mine.py")
    assert set(sys.modules) == before
