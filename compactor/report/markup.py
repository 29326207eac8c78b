"""Builds HTML and SVG out of elements, so that all text is escaped and every tag is closed."""

from __future__ import annotations

import html
from collections.abc import Iterable

VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


class Markup(str):
    """Text that is markup already; a plain str becomes text when it is put into an element."""

    __slots__ = ()


Child = str | int | float | None | Iterable["Child"]


def element(name: str, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """Return one element.

    Args:
        name: tag name.
        children: plain text (escaped), Markup (kept), numbers, nested iterables of these; None is left out.
        attributes: `class_` and `for_` lose the underscore, other underscores become hyphens; True is a bare attribute, None and
            False leave it out. Values are escaped. SVG's camel-case names pass as they are.
    """
    told = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None and value is not False)
    if name in VOID:
        return Markup(f"<{name}{told}>")
    return Markup(f"<{name}{told}>{join(children)}</{name}>")


def join(children: Child) -> Markup:
    """Return children as markup, in order."""
    if children is None:
        return Markup("")
    if isinstance(children, Markup):
        return children
    if isinstance(children, str):
        return Markup(html.escape(children, quote=False))
    if isinstance(children, int | float):
        return Markup(f"{children:g}")
    return Markup("".join(join(child) for child in children))


def number(value: float) -> str:
    """Return a coordinate with at most two digits after the point."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _attribute(key: str, value: str | float | bool) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    text = value if isinstance(value, str) else number(value)
    return f' {name}="{html.escape(text, quote=True)}"'
