"""The docs page of settings is the one that the code makes."""

from __future__ import annotations

from pathlib import Path

from compactor.pipeline.settings_page import settings_page

PAGE = Path(__file__).parents[2] / "docs/profile.md"


def test_the_page_is_as_the_code_makes_it():
    assert PAGE.read_text(encoding="utf-8") == settings_page() + "\n", "run: compactor schema --markdown > docs/profile.md"


def test_every_setting_has_a_line_of_text():
    rows = [line for line in settings_page().splitlines() if line.startswith("| `")]
    assert [row for row in rows if row.rstrip("| ").endswith("|")] == []
    assert len(rows) > 60


def test_every_setting_has_a_type():
    types = [line.split("|")[2].strip() for line in settings_page().splitlines() if line.startswith("| `")]
    assert not {"", "list of"} & set(types)
