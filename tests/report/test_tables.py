from __future__ import annotations

import csv
import io
import json
import re

from compactor.report.csv_table import COLUMNS, csv_table
from compactor.report.html import page
from compactor.report.key_figures import key_figures
from compactor.report.markdown import markdown
from compactor.report.part_tables import latency_table
from compactor.report.reading import parse_report
from compactor.report.stage_table import stage_tables
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


def test_csv_has_all_parts_of_a_cascade(record):
    row = record["rows"][-1]
    row["size_by_part"]["larger"] = 22_000_000
    row["size_bytes"] += 22_000_000
    lines = [line for line in csv.DictReader(io.StringIO(csv_table(parse_report(record)))) if line["row"] == row["id"]]
    for line in lines:
        parts = [int(value) for name, value in line.items() if name.startswith("size_") and name != "size_bytes"]
        assert sum(parts) == int(line["size_bytes"])


def test_csv_names_are_no_formulas(record):
    record["name"] = "=1+1"
    first = next(csv.DictReader(io.StringIO(csv_table(parse_report(record)))))
    assert first["run"] == "'=1+1"


def test_a_run_without_times_has_no_table_of_them(record):
    assert len(stage_tables(parse_report(record))) == 2
    for row in record["rows"] + record["controls"]:
        row |= {"latency_ms": [], "load_ms": None}
    assert [title for table in stage_tables(parse_report(record)) for title in re.findall("<caption>(.*?)<", table)] == [
        "What each row is worth"
    ]


def test_images_have_one_size_and_no_tokens(record):
    record["task"] = "image-classification"
    record["also"] = [{"row": "package", "target": "host", "via": "local", "latency_ms": None}]
    for row in record["rows"] + record["controls"]:
        row["latency_ms"] = [cell | {"length": None} for cell in row["latency_ms"][:1]]
    record["also"][0]["latency_ms"] = record["rows"][-1]["latency_ms"]
    shown = [page(parse_report(record)), markdown(parse_report(record)), render(record)]
    assert all("batch 1, one size" in text for text in shown)
    assert not any("tokens" in text or "None" in text for text in shown)
    assert "one size" in str(latency_table(parse_report(record)))
    assert {line["length"] for line in csv.DictReader(io.StringIO(csv_table(parse_report(record))))} == {""}
    for row in record["rows"]:
        row["latency_ms"] = [cell | {"length": "data"} for cell in row["latency_ms"]]
    assert "batch 1, real images" in render(record)
    assert "real lengths" not in page(parse_report(record))


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


def test_cost_throughput_and_text_figures_reach_every_table(record):
    cell = {"batch": 1, "length": "text", "threads": 1, "p50": 1.75, "ci95_p50": [1.7, 1.8], "n": 70}
    record["rows"][-1] |= {
        "end_to_end_ms": cell,
        "scenarios": {"offline": {"texts_per_s": 1234.0, "batch": 8, "workers": 2}},
        "memory_bytes": {"mixed_lengths": 77_000_000},
        "energy": {"mj_per_text": 5.5, "source": "processor package (RAPL)"},
        "cost_per_million": {"value": 0.81, "currency": "EUR", "price_per_hour": 3.6, "texts_per_s": 1234.0},
    }
    report = parse_report(record)
    last = [line for line in csv.DictReader(io.StringIO(csv_table(report))) if line["row"] == record["rows"][-1]["id"]][-1]
    told = {name: last[name] for name in ("from_text_p50_ms", "best_texts_per_s", "mixed_memory_bytes", "energy_mj")}
    assert told == {
        "from_text_p50_ms": "1.75",
        "best_texts_per_s": "1234.0",
        "mixed_memory_bytes": "77000000",
        "energy_mj": "5.5",
    }
    assert (last["cost_per_million"], last["currency"]) == ("0.81", "EUR")
    table = str(stage_tables(report)[1])
    assert "a million answers" in table
    assert "0.81" in table
    assert "0.810 EUR a million answers" in str(key_figures(report))


def test_without_a_price_there_is_no_column_of_costs(record):
    assert "a million answers" not in str(stage_tables(parse_report(record))[1])


def test_the_tile_of_sizes_tells_smaller_from_larger_and_alike(record):
    teacher = record["rows"][0]["size_bytes"]
    for size, sentence in (
        (teacher // 2, "2.0\u00d7 smaller than the teacher"),
        (2 * teacher, "2.00\u00d7 larger than the teacher"),
        (teacher, "the same size as the teacher"),
    ):
        record["rows"][-1]["size_bytes"] = size
        report = parse_report(record)
        assert sentence in str(key_figures(report))
        assert sentence.removesuffix(" than the teacher").removesuffix(" as the teacher") in str(stage_tables(report)[0])


def test_a_quality_without_its_number_of_rows_is_shown_without(record):
    record["rows"][-1]["quality"]["n"] = None
    text = str(key_figures(parse_report(record)))
    assert re.search(r"95 % interval [^<]*, test split<", text)
    assert "n = " not in text
