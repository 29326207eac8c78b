"""Two tables with drawings in them: size by part, and latency by batch and length."""

from __future__ import annotations

from compactor.report import words
from compactor.report.figures import cell_keys
from compactor.report.markup import Markup, element
from compactor.report.rows import PARTS, Report, Row
from compactor.report.stage_table import NOT_APPLICABLE, badge


def size_table(report: Report) -> Markup | None:
    """Return the stacked bars with the megabytes of each part beside them, or None when no row has sizes."""
    rows = [row for row in report.every if row.size_bytes is not None]
    if not rows:
        return None
    largest = max(row.size_bytes or 0 for row in rows) or 1
    parts = [*PARTS, *sorted({part for row in rows for part in row.size_by_part} - set(PARTS))]
    head = [
        element("th", "Stage", scope="col"),
        element("th", "All parts, to one scale", scope="col", class_="wide-column"),
        [element("th", element("i", class_=f"key part-{index}"), part, scope="col") for index, part in enumerate(parts)],
        element("th", "Total", element("small", "MB"), scope="col"),
    ]
    body = [
        element(
            "tr",
            element("th", words.row_title(row), scope="row"),
            element("td", _stack(row, parts, largest), class_="wide-column"),
            [element("td", _part(row, part)) for part in parts],
            element("td", words.significant((row.size_bytes or 0) / 1e6), class_="total"),
        )
        for row in rows
    ]
    table = element("table", element("thead", element("tr", head)), element("tbody", body), class_="parts")
    return element("div", table, class_="scroll", tabindex="0", role="region", aria_label="Size by part")


def latency_table(report: Report) -> Markup | None:
    """Return the medians of all batches and lengths, or None when nothing was timed."""
    rows = tuple(row for row in report.every if row.cells)
    keys = cell_keys(rows)
    if not keys:
        return None
    threads = {key[2] for key in keys}
    groups: dict[tuple[int, int | None], int] = {}
    for batch, _, count in keys:
        groups[(batch, count)] = groups.get((batch, count), 0) + 1
    top = [
        element(
            "th", f"batch {batch}{f', {_threads(count)}' if len(threads) > 1 else ''}", colspan=str(width), scope="colgroup"
        )
        for (batch, count), width in groups.items()
    ]
    lengths = [element("th", words.length_title(report, length), scope="col") for _, length, _ in keys]
    body = [
        element(
            "tr",
            element("th", element("span", words.row_title(row), class_="row-name"), badge(row.evidence), scope="row"),
            [_time(row, key) for key in keys],
        )
        for row in rows
    ]
    head = element("thead", element("tr", element("th", "Stage", rowspan="2", scope="col"), top), element("tr", lengths))
    table = element("table", head, element("tbody", body), class_="latency")
    return element("div", table, class_="scroll", tabindex="0", role="region", aria_label="Latency by batch and length")


def threads_sentence(report: Report) -> str:
    """Say with how many threads the times were taken."""
    counts = sorted({cell.threads for row in report.every for cell in row.cells if cell.threads is not None})
    return (
        f"{words.listed(str(count) for count in counts)} {'thread' if counts == [1] else 'threads'}"
        if counts
        else "threads not recorded"
    )


def _stack(row: Row, parts: list[str], largest: int) -> Markup:
    bars, left = [], 0.0
    for index, part in enumerate(parts):
        width = 1000.0 * row.size_by_part.get(part, 0) / largest
        if width > 0:
            bars.append(
                element(
                    "rect",
                    element("title", f"{part}: {_part(row, part)} MB"),
                    class_=f"part-{index}",
                    x=left,
                    y=0,
                    width=width,
                    height=14,
                )
            )
            left += width
    if not bars:
        bars.append(element("rect", class_="part-unknown", x=0, y=0, width=1000.0 * (row.size_bytes or 0) / largest, height=14))
    return element("svg", bars, viewBox="0 0 1000 14", preserveAspectRatio="none", class_="stack", aria_hidden="true")


def _part(row: Row, part: str) -> str:
    size = row.size_by_part.get(part)
    if size is None and part not in PARTS and row.size_by_part:
        return NOT_APPLICABLE  # it is no cascade
    return words.NOT_MEASURED if size is None else words.significant(size / 1e6)


def _time(row: Row, key: tuple[int, str, int | None]) -> Markup:
    cell = next((cell for cell in row.cells if cell.key == key), None)
    if cell is not None and cell.p50 is None and cell.interval is not None:
        return element("td", words.estimated(cell), element("small", "estimated"))
    if cell is None or cell.p50 is None:
        return element("td", element("span", words.NOT_MEASURED, class_="absent"))
    told = words.span(cell.ci95_p50) or None
    return element("td", words.significant(cell.p50), element("small", told) if told else None)


def _threads(count: int | None) -> str:
    return "threads not recorded" if count is None else f"{count} {'thread' if count == 1 else 'threads'}"
