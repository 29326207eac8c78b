"""Paths of the machine that built a bundle have no place in it: cut to their last part."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

# A path begins where no word, dot, slash or colon stands before it, so that `org/name`, `./x` and `https://` stay as they are.
_POSIX = re.compile(r"(?<![\w.~:/\\-])/(?:[^\s/\\'\"`,;:()\[\]{}<>|]+/)+([^\s/\\'\"`,;:()\[\]{}<>|]*)")
_WINDOWS = re.compile(r"(?<!\w)[A-Za-z]:[\\/](?:[^\s\\/'\"`,;:()\[\]{}<>|]+[\\/])*([^\s\\/'\"`,;:()\[\]{}<>|]*)")
# Inside quotes a path may hold blanks.
_QUOTED = re.compile(r"(['\"])(?:/|[A-Za-z]:[\\/])[^'\"\n]*?([^'\"\n/\\]*)[/\\]?\1")


def without_absolute_paths(text: str, spared: Collection[str] = ()) -> str:
    """Return the text with each absolute path replaced by its last part: `/home/me/train.csv` becomes `train.csv`.

    Args:
        text: of any kind.
        spared: what looks like a path and is none, such as `node_patterns`.
    """

    def last_part(found: re.Match[str]) -> str:
        # A pattern with brackets in it is found up to the first one.
        return found[0] if any(each.startswith(found[0]) for each in spared) else found[1]

    def quoted(found: re.Match[str]) -> str:
        return found[0] if found[0][1:-1] in spared else f"{found[1]}{found[2]}{found[1]}"

    text = _QUOTED.sub(quoted, text)
    for pattern in (_WINDOWS, _POSIX):
        text = pattern.sub(last_part, text)
    return text


def node_patterns(profile_text: str) -> frozenset[str]:
    """Return the patterns of node names in a profile, the texts of every list called `keep`: `/bert/encoder/layer.0/*` is no path."""
    from ruamel.yaml import YAML

    return frozenset(_patterns(YAML(typ="safe", pure=True).load(profile_text)))


def _patterns(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and isinstance(value.get("keep"), list):
        yield from (each for each in value["keep"] if isinstance(each, str))
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _patterns(item)


def scrubbed(value: Any) -> Any:
    """Return a JSON-able value with the absolute paths in all of its texts cut."""
    if isinstance(value, str):
        return without_absolute_paths(value)
    if isinstance(value, dict):
        return {name: scrubbed(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [scrubbed(item) for item in value]
    return value
