from __future__ import annotations

import csv
import io
import json
import re

from compactor.report.csv_table import COLUMNS, csv_table
from compactor.report.markdown import markdown
from compactor.report.rows import parse_report
from compactor.report.terminal import render


def columns(line: str) -> int:
    return len(re.findall(r"(?<!\\)\|", line))


def test_markdown_tables_have_one_width(record):
    for block in markdown(parse_report(record)).split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({columns(line) for line in lines}) <= 1


def test_markdown_row(record):
    lines = markdown(parse_report(record)).splitlines()
    assert "| package | 92.1 % | [91.2, 93.0] | -0.8 | 8.52 | 10.8x | 1.21 | [1.20, 1.22] | 3.5x | 1.22 | proxy |" in lines


def test_markdown_escapes(record):
    record["name"] = "a|b *c* <script>\n# no heading"
    text = markdown(parse_report(record))
    assert text.startswith("# a\\|b \\*c\\* &lt;script&gt; # no heading\n")


def test_markdown_of_a_bare_record(bare):
    text = markdown(parse_report(bare))
    assert "not measured" in text
    assert "None" not in text


def test_csv_round_trip(record):
    lines = list(csv.DictReader(io.StringIO(csv_table(parse_report(record)))))
    assert tuple(lines[0]) == COLUMNS
    every = record["rows"] + record["controls"]
    assert len(lines) == sum(max(1, len(row["latency_ms"])) for row in every)
    for row in every:
        mine = [line for line in lines if line["row"] == row["id"]]
        for line, cell in zip(mine, row["latency_ms"], strict=False):
            assert float(line["p50_ms"]) == cell["p50"]
            assert line["length"] == str(cell["length"])
            assert line["p99_ms"] == ("" if cell["p99"] is None else str(cell["p99"]))
        assert {float(line["quality"]) for line in mine} == {row["quality"]["value"]}
    assert {line["selected"] for line in lines if line["row"] == "package"} == {"yes"}


def test_csv_leaves_empty_what_was_not_measured(record, bare):
    linear = next(line for line in csv.DictReader(io.StringIO(csv_table(parse_report(record)))) if line["row"] == "linear")
    assert linear["p50_ms"] == linear["size_bytes"] == linear["evidence"] == linear["batch"] == ""
    (line,) = csv.DictReader(io.StringIO(csv_table(parse_report(bare))))
    assert line["quality"] == line["seconds"] == ""


def test_csv_names_are_no_formulas(record):
    record["name"] = "=1+1"
    first = next(csv.DictReader(io.StringIO(csv_table(parse_report(record)))))
    assert first["run"] == "'=1+1"


def test_terminal(record):
    text = render(record)
    assert text.startswith("int8 student: 10.8x smaller, 3.5x faster, -0.8 points of accuracy; meets the budget.\n")
    assert re.search(r"^package +92\.1 % +-0\.8 +8\.52 MB +10\.8x +1\.21 ms +3\.5x$", text, flags=re.M)
    assert re.search(r"^\(n-gram linear model\) +88\.0 % +-4\.9 +- +- +- +-$", text, flags=re.M)
    assert text.isascii()
    assert all(len(line) <= 100 for line in text.splitlines())


def test_terminal_is_as_narrow_as_asked_in_its_sentences(record):
    lines = [line for line in render(record, width=60).splitlines() if line.startswith(("-", "  "))]
    assert max(map(len, lines)) <= 100


def test_terminal_of_a_bare_record(bare):
    text = render(json.loads(json.dumps(bare)))
    assert "teacher" in text
    assert "-: not measured" in text
