"""Every part has a colour of its own, and the second model of a cascade is nothing that other rows lack."""

from __future__ import annotations

import re

from compactor.report.html import HERE
from compactor.report.part_tables import size_table
from compactor.report.reading import parse_report
from compactor.report.rows import LARGER, PARTS


def test_a_cascades_larger_model_has_a_colour_and_no_place_in_other_rows(record):
    record["rows"][-1]["size_by_part"][LARGER] = 22_000_000
    table = str(size_table(parse_report(record)))
    assert f">{LARGER}<" in table
    assert "22.0" in table
    assert "not measured" not in table
    assert (
        table.count("<td>\u2013</td>") == sum(row["size_bytes"] is not None for row in record["rows"] + record["controls"]) - 1
    )
    styled = set(re.findall(r"^\.(part-\d) ", (HERE / "page.css").read_text(encoding="utf-8"), flags=re.M))
    assert set(re.findall(r"part-\d", table)) <= styled
    assert len(styled) == len(PARTS) + 1


def test_without_a_cascade_there_is_no_such_part(record):
    assert LARGER not in str(size_table(parse_report(record)))


def test_a_part_that_was_not_measured_is_told(record):
    record["rows"][0]["size_by_part"]["head"] = None
    assert "not measured" in str(size_table(parse_report(record)))
