from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from compactor.report.html import page
from compactor.report.reading import parse_report

VOID = {"br", "hr", "img", "input", "link", "meta"}
EVIL = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"


class Checker(HTMLParser):
    """Follows the tags: each must be closed, in order; ids once; keeps what a test asks about."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in {tag}"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in {"script", "style"}:
            self.text.append(data)


def checked(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert checker.open == []
    return checker


def read(html: str) -> str:
    return " ".join(" ".join(checked(html).text).replace("\u202f", " ").replace("\u00a0", " ").split())


def test_tags_are_balanced_and_ids_unique(record):
    checker = checked(page(parse_report(record)))
    ids = [attributes["id"] for _, attributes in checker.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_page_asks_for_nothing_outside_itself(record):
    html = page(parse_report(record))
    assert re.findall(r"""(?:src|href|action|srcset)\s*=\s*["']?\s*(?:https?:)?//""", html) == []
    assert "url(" not in html
    assert "@import" not in html
    assert not {"img", "link", "iframe", "object", "embed"} & {tag for tag, _ in checked(html).tags}
    assert "default-src &#x27;none&#x27;" in html or "default-src 'none'" in html


def test_the_order_of_the_page(record):
    told = [attributes["id"] for tag, attributes in checked(page(parse_report(record))).tags if tag == "section"]
    assert told == ["trade-off", "stages", "steps", "parts", "latency", "controls", "findings", "reproduce"]


def test_the_page_says_what_matters(record):
    text = read(page(parse_report(record)))
    assert "int8 student: 10.8\u00d7 smaller, 3.5\u00d7 faster, \u22120.8 points of accuracy" in text
    assert "Meets the budget." in text
    assert "Distillation changed the result by +1.3 points" in text
    assert "What to do: send texts one by one or without padding" in text
    assert "Intel(R) Xeon(R) Platinum 8375C" in text
    assert "compactor run profiles/banking77-laptop.yaml" in text
    assert "noisy, drift" in text
    assert "not measured" in text


def test_quality_and_size_are_not_said_to_be_taken_on_the_target(record):
    """`measured` means on the target itself; this record's times are a proxy's, and its answers those of the same machine."""
    html = page(parse_report(record))
    tiles = html[html.index('class="tiles"') : html.index('id="trade-off"')]
    assert re.findall(r'class="badge (\w+)"', tiles) == ["proxy", "proxy"]


def test_a_missed_budget_is_said_in_words_and_at_the_cell(missed):
    text = read(page(parse_report(missed)))
    assert "budget missed" in text
    assert "Misses the budget: the size is 8.52 MB where 8.5 MB is allowed" in text
    assert "misses the budget of 8.5 MB" in text


def test_a_limit_that_was_not_measured_is_not_said_to_be_missed_by_a_figure(missed):
    """An estimated interval below the limit stands in the cell, and is no reason to call it missed."""
    for row in missed["rows"] + missed["controls"]:
        cells = [{"batch": 1, "length": "data", "threads": 1, "p50": None, "interval": [0.1, 2.0]}]
        row |= {"latency_ms": cells, "evidence": "estimated"}
    text = read(page(parse_report(missed)))
    assert "0.100 to 2.00 estimated, real lengths not measured, so the budget of 5 ms counts as missed" in text
    assert "budget: 5 ms — not measured, counts as missed" in text
    assert "budget: 8.5 MB — missed" in text
    assert "misses the budget of 5 ms" not in text


def evil(value, name=""):
    """Return the record with every free text replaced by an attack."""
    if isinstance(value, dict):
        return {key: evil(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [evil(inner, name) for inner in value]
    kept = {"stage", "evidence", "split", "length", "control", "kind", "limit"}
    return f"{EVIL}{value}" if isinstance(value, str) and name not in kept else value


def test_text_from_outside_stays_text(record):
    html = page(parse_report(evil(record)))
    checker = checked(html)
    assert [tag for tag, _ in checker.tags].count("script") == 1
    assert not any(name.startswith("on") for _, attributes in checker.tags for name in attributes)
    assert "<img" not in html
    assert EVIL in "".join(checker.text)


@pytest.mark.parametrize("evidence", ["<script>", 'x" onload="alert(1)'])
def test_evidence_and_severity_cannot_leave_their_attribute(record, evidence):
    record["rows"][0]["evidence"] = evidence
    record["findings"][0]["severity"] = evidence
    checker = checked(page(parse_report(record)))
    assert not any(name.startswith("on") for _, attributes in checker.tags for name in attributes)


def test_a_bare_record_makes_a_page(bare):
    text = read(page(parse_report(bare)))
    assert "not measured" in text
    assert "None" not in text
    assert "nan" not in text.lower()


def test_numbers_carry_their_evidence(record):
    record["rows"][0]["evidence"] = "measured"
    html = page(parse_report(record))
    assert 'class="badge measured"' in html
    assert 'class="badge proxy"' in html
    assert "not comparable" in html  # the teacher's times are of another evidence than the student's


def test_charts_have_a_title_and_a_description(record):
    html = page(parse_report(record))
    for svg in re.findall(r'<svg[^>]*role="img".*?</svg>', html, flags=re.S):
        assert svg.count("<desc") == 1
        assert re.search(r'aria-labelledby="[\w-]+-title [\w-]+-desc"', svg)


def test_no_machine_paths(record):
    assert not re.search(r"(?:/home/|/root/|/Users/|/tmp/|[A-Z]:\\)", page(parse_report(record)))


def test_no_color_without_a_dark_twin():
    from compactor.report.html import HERE

    css = (HERE / "page.css").read_text(encoding="utf-8")
    light, dark = re.split(r"@media \(prefers-color-scheme: dark\)", css)[:2]
    names = set(re.findall(r"(--[\w-]+):", light))
    assert names == set(re.findall(r"(--[\w-]+):", dark.split("* {")[0]))
    assert "@media print" in css


def test_the_key_of_the_chart_names_only_lines_that_are_drawn(record):
    assert "Pareto line" in read(page(parse_report(record)))
    record["rows"], record["controls"] = record["rows"][:1], []
    record["rows"][0]["quality"]["ci95"] = None
    shown = read(page(parse_report(record | {"selected": "teacher"})))
    assert "control (hollow)" in shown
    assert "Pareto line" not in shown
    assert "interval of the quality" not in shown
