from __future__ import annotations

import re
from pathlib import Path

from compactor.report import html
from compactor.report.noted_table import noted_table


def test_heads_keep_their_units_and_figures():
    head = ("stage", "memory MB", "MB", "p", "p50 ms", "on validation")
    _, table = noted_table("how it is read", head, [("teacher", "1", "2", "0.5", "3", "90 %")], "a table")
    assert re.findall(r'scope="col">([^<]+)<', table) == ["Stage", "Memory MB", "MB", "p", "p50 ms", "On validation"]


def test_without_rows_there_is_no_table():
    assert noted_table("how it is read", ("stage", "MB"), [], "a table") == []


def test_a_row_named_by_one_long_word_is_broken_instead_of_running_into_the_next_column():
    style = (Path(html.__file__).parent / "page.css").read_text(encoding="utf-8")
    assert re.search(r"^tbody th \{[^}]*overflow-wrap: break-word;", style, re.MULTILINE)
