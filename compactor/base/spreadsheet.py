"""Tables that spreadsheets open."""

from __future__ import annotations


def as_text(name: str) -> str:
    """Return a name that a spreadsheet does not take for a formula."""
    return f"'{name}" if name[:1] in {"=", "+", "-", "@"} else name
