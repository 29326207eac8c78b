"""A plain table below a note on how to read it: head and rows of text, the first column naming the row."""

from __future__ import annotations

from collections.abc import Sequence

from compactor.report.markup import Markup, element


def noted_table(note: str, head: Sequence[str], rows: Sequence[Sequence[str]], label: str) -> list[Markup]:
    """Return note and table; nothing without rows.

    Args:
        note: one paragraph.
        head: names of the columns.
        rows: fields as text, the first one the row's name.
        label: what the table is, for those who hear the page.
    """
    if not rows:
        return []
    names = element("thead", element("tr", [element("th", _title(name), scope="col") for name in head]))
    body = [element("tr", element("th", first, scope="row"), [element("td", field) for field in rest]) for first, *rest in rows]
    table = element("table", names, element("tbody", body), class_="latency")
    return [
        element("p", note, class_="aside"),
        element("div", table, class_="scroll", tabindex="0", role="region", aria_label=label),
    ]


def _title(name: str) -> str:
    """Return a column's name with its first letter raised; units and figures, such as MB, p and p50, stay as they are."""
    word = name.partition(" ")[0]
    return name[:1].upper() + name[1:] if word.isalpha() and word.islower() and len(word) > 1 else name
