"""LICENSES/ of a bundle: compactor's own, and what is known of the model's and the data's."""

from __future__ import annotations

import json
import re
from pathlib import Path

from compactor.base.atomic import write_text

APACHE = Path(__file__).parent / "apache-2.0.txt"
NOT_STATED = "not stated: check the source"
README_BYTES = 1 << 20

NOTICE = """\
Licences of this bundle

1. What compactor wrote about the model (manifest.json, golden.json, measured.json, README.md) may be used under the Apache License,
   version 2.0: see Apache-2.0.txt.

2. The model (onnx/, tokenizer.json, tokenizer_config.json, vocab.txt, config.json, labels.json) was made from another one,
   and stays under that one's licence.
   Licence of the model: {model}

3. The model learned from data; golden.json holds {examples} of its texts.
   Licence of the data: {data}

Nothing here is legal advice: a licence that was read from a file may be wrong.
"""


def write_licenses(folder: Path, *, model: str | None, data: str | None, examples: int) -> None:
    """Write NOTICE.txt and Apache-2.0.txt.

    Args:
        folder: LICENSES of the bundle.
        model: licence of the model that this one was made from, as stated by the user or its own files.
        data: licence of the data.
        examples: how many texts of the data the bundle holds.
    """
    write_text(folder / "Apache-2.0.txt", APACHE.read_text(encoding="utf-8"))
    notice = NOTICE.format(model=model or NOT_STATED, data=data or NOT_STATED, examples=examples or "none")
    write_text(folder / "NOTICE.txt", notice)


def stated_licence(folder: Path) -> str | None:
    """Return the licence that a model or data folder states: `license` in its README's front matter or in its config.json."""
    readme = folder / "README.md"
    if readme.is_file():
        with readme.open(encoding="utf-8", errors="replace") as stream:
            front = re.match(r"---\s*\n(.*?)\n---", stream.read(README_BYTES), re.DOTALL)
        found = re.search(r"^license:\s*([^\s#].*?)\s*(?: #.*)?$", front[1], re.MULTILINE) if front else None
        if found:
            return found[1].strip("'\"")
    config = folder / "config.json"
    try:
        stated = json.loads(config.read_text(encoding="utf-8")).get("license") if config.is_file() else None
    except (ValueError, AttributeError):
        return None
    return str(stated) if stated else None
