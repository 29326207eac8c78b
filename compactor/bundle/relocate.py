"""Paths of the machine that built a bundle have no place in it: cut to their last part."""

from __future__ import annotations

import re
from typing import Any

# A path begins where no word, dot, slash or colon stands before it, so that `org/name`, `./x` and `https://` stay as they are.
_POSIX = re.compile(r"(?<![\w.~:/\\-])/(?:[^\s/\\'\"`,;:()\[\]{}<>|]+/)+([^\s/\\'\"`,;:()\[\]{}<>|]*)")
_WINDOWS = re.compile(r"(?<!\w)[A-Za-z]:[\\/](?:[^\s\\/'\"`,;:()\[\]{}<>|]+[\\/])*([^\s\\/'\"`,;:()\[\]{}<>|]*)")
# Inside quotes a path may hold blanks.
_QUOTED = re.compile(r"(['\"])(?:/|[A-Za-z]:[\\/])[^'\"\n]*?([^'\"\n/\\]*)[/\\]?\1")


def without_absolute_paths(text: str) -> str:
    """Return the text with each absolute path replaced by its last part: `/home/me/train.csv` becomes `train.csv`."""
    text = _QUOTED.sub(lambda found: f"{found[1]}{found[2]}{found[1]}", text)
    for pattern in (_WINDOWS, _POSIX):
        text = pattern.sub(lambda found: found[1], text)
    return text


def scrubbed(value: Any) -> Any:
    """Return a JSON-able value with the absolute paths in all of its texts cut."""
    if isinstance(value, str):
        return without_absolute_paths(value)
    if isinstance(value, dict):
        return {name: scrubbed(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [scrubbed(item) for item in value]
    return value
