"""The page: one offline file that opens from a mail. All text goes through `markup`, so it is escaped."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from compactor.report import words
from compactor.report.bubble_chart import NARROW, WIDE, bubble_chart, size_key
from compactor.report.bubbles import Frame, shown_rows
from compactor.report.cascades import cascade_html
from compactor.report.controls import control_sentences
from compactor.report.figures import chain_evidence, main_cell
from compactor.report.findings import all_findings
from compactor.report.forgotten import forgotten_html
from compactor.report.further_targets import further_html
from compactor.report.key_figures import key_figures
from compactor.report.markup import Child, Markup, element, join, number
from compactor.report.part_tables import latency_table, size_table, threads_sentence
from compactor.report.reproduce import reproduce_lines, reproduce_text
from compactor.report.rows import Report
from compactor.report.stage_table import badge, stage_tables
from compactor.report.steps import waterfalls
from compactor.report.tries import tried_html
from compactor.report.verdict import bought, budget_sentence, subject, verdict

HERE = Path(__file__).parent


def page(report: Report) -> str:
    """Return the whole page. Its content policy forbids every request and every script but its own."""
    script = (HERE / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name_="color-scheme", content="light dark"),
        element("title", f"{report.name}: {verdict(report)}"),
        element("style", Markup((HERE / "page.css").read_text(encoding="utf-8"))),
    )
    body = element("body", element("main", _sections(report)), element("script", Markup(script)))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _sections(report: Report) -> list[Child]:
    return [
        _header(report),
        key_figures(report),
        _section("trade-off", "The trade-off", _chart(report)),
        _section("stages", "Every stage", _stages(report)),
        *([_section("tries", "What was tried", list(tried))] if (tried := tried_html(report)) else []),
        *([_section("cascades", "Cascades", list(cascade))] if (cascade := cascade_html(report)) else []),
        _section("steps", "What each stage bought and paid", _steps(report)),
        *([_section("forgotten", "What was forgotten", list(lost))] if (lost := forgotten_html(report)) else []),
        _section("parts", "Size by part", _parts(report)),
        _section("latency", "Latency by batch and length", _latency(report)),
        *([_section("further-targets", "Further targets", list(further))] if (further := further_html(report)) else []),
        _section("controls", "Controls", _controls(report)),
        _section("findings", "Findings", _findings(report)),
        _section("reproduce", "Reproduce", _reproduce(report)),
        _footer(report),
    ]


def _header(report: Report) -> Markup:
    state = "none" if not report.limits else "met" if report.met and not report.missed else "missed"
    told = {"none": "no budget", "met": "✓ budget met", "missed": "✗ budget missed"}[state]
    about = " · ".join(filter(None, (report.name, report.task, str(report.target.get("name") or ""))))
    sentence = budget_sentence(report)
    first, *rest = bought(report)
    parts = [f"{subject(report)}: {first}", *rest]
    return element(
        "header",
        element("p", element("span", about), element("span", told, class_=f"state {state}"), class_="about"),
        element("h1", ", ".join(part.replace(" ", words.NO_BREAK) for part in parts)),
        element("p", f"{sentence[0].upper()}{sentence[1:]}.", class_=f"budget {state}"),
    )


def _chart(report: Report) -> list[Child]:
    _, left = shown_rows(report)
    parts: list[Child] = []
    wide, narrow = bubble_chart(report, WIDE), bubble_chart(report, NARROW)
    if wide is None:
        parts.append(element("p", "No row has both quality and latency on this target, so there is nothing to draw."))
    else:
        sizes = [_sizes(report, frame) for frame in (WIDE, NARROW)]
        caption = element(
            "figcaption", sizes, _keys(wide), element("span", "latency ", badge(chain_evidence(report)), class_="key-item")
        )
        parts.append(element("figure", wide, narrow, caption, class_="trade-off"))
    if left:
        parts.append(
            element(
                "p",
                "Not in the chart: ",
                "; ".join(f"{words.row_title(row)} ({why})" for row, why in left),
                ".",
                class_="aside",
            )
        )
    return parts


def _keys(chart: Markup) -> list[Markup]:
    """Return what the marks of a chart mean, of lines those that are drawn."""
    lines = [("pareto", "Pareto line: nothing is both faster and better"), ("whisker", "95 % interval of the quality")]
    marks = [("dot stage", "stage"), ("dot chosen", "packaged"), ("dot control", "control (hollow)")]
    marks += [(f"stroke {name}-key", told) for name, told in lines if f'class="{name}"' in chart]
    return [element("span", element("i", class_=name), f" {told}", class_="key-item") for name, told in marks]


def _sizes(report: Report, frame: Frame) -> Markup:
    """Return what the sizes of bubbles mean in one of the charts; the rings grow and shrink with it."""
    rings = [
        element("span", _ring(radius, frame), f" {words.megabytes(size)}", class_="key-item")
        for size, radius in size_key(report, frame)
    ]
    return element("span", "area is size: ", rings, class_=f"key-item {frame.name}")


def _ring(radius: float, frame: Frame) -> Markup:
    size = 2 * radius + 2
    ring = element("circle", class_="ring", cx=size / 2, cy=size / 2, r=radius)
    box, width = f"0 0 {number(size)} {number(size)}", f"width: {100 * size / frame.width:.3f}cqw"
    return element("svg", ring, viewBox=box, style=width, class_="ring-key", aria_hidden="true")


def _stages(report: Report) -> list[Child]:
    quality, key = report.teacher.quality, main_cell(report)
    told = []
    if quality:
        rows = f" of {quality.n:,} rows" if quality.n else ""
        told.append(
            f"{words.metric_title(quality.metric).capitalize()} is of the {quality.split} split{rows}; brackets hold 95 % intervals."
        )
    if key:
        told.append(f"Times are of {words.cell_title(report, key)}, {threads_sentence(report)}.")
        told.append("Models made in PyTorch are timed through a plain fp32 ONNX export.")
    return [element("p", " ".join(told), class_="aside"), *stage_tables(report)]


def _steps(report: Report) -> list[Child]:
    if len(report.rows) < 2:
        return [element("p", "There is one stage only.")]
    told = "Each bar runs from the value before the stage to the value after it. The figure at the right end is the value after it."
    return [element("p", told, class_="aside"), element("div", waterfalls(report), class_="panels")]


def _latency(report: Report) -> list[Child]:
    told = f"Median milliseconds for one batch with the 95 % interval, {threads_sentence(report)}."
    table = latency_table(report)
    return [element("p", told, class_="aside"), table] if table else [element("p", "No latency was measured on this target.")]


def _controls(report: Report) -> Markup:
    told = control_sentences(report)
    if not told:
        return element("p", "No controls were made.")
    pairs = [[element("dt", words.row_title(row)), element("dd", sentence)] for row, sentence in told]
    unpaired = any("(unpaired)" in sentence for _, sentence in told)
    note = "Unpaired: the interval takes the two results as independent, although the texts are the same. It is wider than need be."
    return join([element("dl", pairs, class_="controls"), element("p", note, class_="aside") if unpaired else None])


def _findings(report: Report) -> Markup:
    found = all_findings(report)
    if not found:
        return element("p", "Nothing to report.")
    items = [
        element(
            "li",
            element("p", element("span", told.severity, class_="severity"), f" {told.code}", class_="code"),
            element("p", told.sentence),
            element("p", "What to do: ", told.hint, class_="hint") if told.hint else None,
            element("p", f"at {words.listed(told.seen_at)}", class_="place") if told.seen_at else None,
            class_=f"finding {told.severity}",
        )
        for told in found
    ]
    return element("ul", items, class_="findings")


def _reproduce(report: Report) -> list[Child]:
    pairs = [[element("dt", name), element("dd", text)] for name, text in reproduce_lines(report)]
    copy = element("button", "Copy as text", type_="button", class_="copy", data_copy="reproduce-text", hidden=True)
    profile = report.reproduce.get("profile")
    shown = element("details", element("summary", "The profile as run"), element("pre", str(profile))) if profile else None
    return [
        copy,
        element("dl", pairs, class_="facts"),
        shown,
        element("pre", reproduce_text(report), id="reproduce-text", hidden=True),
    ]


def _footer(report: Report) -> Markup:
    links = [element("a", name, href=name) for name in ("report.json", "report.csv", "report.md", "profile.yaml")]
    if any(row.kind == "bundle" for row in report.rows):
        links.insert(0, element("a", "bundle/", href="bundle/"))
    meanings = [
        element("span", badge(name), f" {meaning}", class_="key-item") for name, meaning in words.EVIDENCE_MEANINGS.items()
    ]
    return element("footer", element("p", links, class_="links"), element("p", meanings, class_="meanings"))


def _parts(report: Report) -> list[Child]:
    table = size_table(report)
    told = "Megabytes (10\u2076 bytes) of all that the app must ship."
    return [element("p", told, class_="aside"), table] if table else [element("p", "No sizes were recorded.")]


def _section(ident: str, title: str, *content: Child) -> Markup:
    return element("section", element("h2", title), *content, id=ident)
