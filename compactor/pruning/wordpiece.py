"""A WordPiece tokenizer's files with fewer pieces: which pieces must stay, and the folder that lists only the kept ones.

WordPiece takes the longest piece that matches, again and again. Leaving a piece out therefore changes only the words that used it:
they fall back on shorter pieces, at worst on single characters. A word becomes unknown only if one of its characters has no
piece of its own in the place where it stands (`c` at the start of a word, `##c` inside). Nothing else changes, so no merge table
or score has to be made anew; that is why BPE and Unigram tokenizers are refused here.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from compactor.base.atomic import read_json
from compactor.base.errors import StageError
from compactor.models.tokenizer import max_length, pad_id, write_tokenizer

UNUSED = re.compile(r"^\[unused\d+\]$")  # the spare places of BERT's list
SETTINGS_FILES = ("tokenizer_config.json", "special_tokens_map.json")


class WordPieceFile:
    """The content of a `tokenizer.json` whose model is WordPiece.

    Attributes:
        content: the parsed file; `settings` that of tokenizer_config.json.
        pieces: piece → id, those of the model and those added to it.
        size: number of ids, one more than the largest.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise StageError("K301", f"there is no {path}", "a smaller vocabulary needs a fast tokenizer's tokenizer.json")
        self.folder = folder
        self.content: dict[str, Any] = read_json(path)
        settings = folder / SETTINGS_FILES[0]
        self.settings: dict[str, Any] = read_json(settings) if settings.is_file() else {}
        kind = self.content["model"].get("type") or "WordPiece"
        if kind != "WordPiece":
            raise StageError(
                "K302",
                f"the tokenizer in {folder} is {kind}: only a WordPiece vocabulary can be cut without changing every text",
                "leave `vocabulary` out, or train a student with its own vocabulary",
            )
        self.pieces: dict[str, int] = dict(self.content["model"]["vocab"])
        self.pieces |= {entry["content"]: entry["id"] for entry in self.content.get("added_tokens") or []}
        self.size = max(self.pieces.values()) + 1

    @property
    def unknown(self) -> int:
        """Id of the piece that stands for what cannot be spelt."""
        return self.pieces[self.content["model"].get("unk_token") or "[UNK]"]

    @property
    def prefix(self) -> str:
        """What marks a piece that stands inside a word."""
        return str(self.content["model"].get("continuing_subword_prefix") or "##")

    @property
    def special(self) -> np.ndarray:
        """Ids of all special and added tokens, ascending, int64: they always stay."""
        names = {entry["content"] for entry in self.content.get("added_tokens") or []}
        names.add(self.content["model"].get("unk_token") or "[UNK]")
        for name in SETTINGS_FILES:
            if (self.folder / name).is_file():
                names |= _token_names(read_json(self.folder / name))
        ids = {self.pieces[name] for name in names if name in self.pieces} | {pad_id(self.folder)}
        return np.array(sorted(ids), dtype=np.int64)

    @property
    def characters(self) -> np.ndarray:
        """Ids of the pieces that are one character, at a word's start or inside it, ascending, int64."""
        single = (
            number for piece, number in self.pieces.items() if len(piece) == 1 or len(piece.removeprefix(self.prefix)) == 1
        )
        return np.array(sorted(single), dtype=np.int64)

    @property
    def unused(self) -> np.ndarray:
        """Ids of spare places such as `[unused7]`, ascending, int64."""
        return np.array(sorted(number for piece, number in self.pieces.items() if UNUSED.match(piece)), dtype=np.int64)


def write_smaller_tokenizer(source: Path, folder: Path, kept: np.ndarray) -> None:
    """Write the tokenizer files of `source` with the kept pieces alone; padding and truncation are left off.

    Args:
        source: folder with a WordPiece tokenizer.json.
        folder: where tokenizer.json, tokenizer_config.json and vocab.txt are written; another folder than `source`.
        kept: int64 (pieces,), old ids in ascending order; the new id of `kept[i]` is `i`.

    Raises:
        StageError: K301 to K303 for a tokenizer that cannot be cut, R101 when the disk is full.
    """
    from tokenizers import Tokenizer

    file = WordPieceFile(source)
    new_ids = {int(old): new for new, old in enumerate(kept)}
    content = json.loads(json.dumps(file.content))
    model = content["model"]
    model["vocab"] = {piece: new_ids[old] for piece, old in _by_id(model["vocab"]) if old in new_ids}
    for entry in content.get("added_tokens") or []:
        entry["id"] = new_ids[entry["id"]]
    content["post_processor"] = _renumbered(content.get("post_processor"), new_ids)
    smaller = Tokenizer.from_str(json.dumps(content))
    settings = dict(file.settings)
    if isinstance(settings.get("added_tokens_decoder"), dict):
        decoder = settings["added_tokens_decoder"]
        settings["added_tokens_decoder"] = {str(new_ids[int(old)]): entry for old, entry in decoder.items()}
    write_tokenizer(smaller, folder, settings=settings, length=max_length(source), pad=new_ids[pad_id(source)])


def _renumbered(processor: dict[str, Any] | None, new_ids: dict[int, int]) -> dict[str, Any] | None:
    """Give a post-processor the new ids: the ones that place [CLS] and [SEP]."""
    if processor is None:
        return None
    kind = processor["type"]
    if kind == "Sequence":
        return processor | {"processors": [_renumbered(inner, new_ids) for inner in processor["processors"]]}
    if kind == "TemplateProcessing":
        special = processor["special_tokens"]
        return processor | {
            "special_tokens": {name: entry | {"ids": [new_ids[old] for old in entry["ids"]]} for name, entry in special.items()}
        }
    if kind in {"BertProcessing", "RobertaProcessing"}:
        return processor | {place: [processor[place][0], new_ids[processor[place][1]]] for place in ("sep", "cls")}
    raise StageError("K303", f"the tokenizer's post-processor {kind} is not known here", "leave `vocabulary` out")


def _token_names(settings: dict[str, Any]) -> set[str]:
    """Return the special tokens that a tokenizer's settings name: `"sep_token": "[SEP]"`, or a mapping with `content`."""
    values = [value for name, value in settings.items() if name.endswith("_token")]
    for several in ("additional_special_tokens", "extra_special_tokens"):
        listed = settings.get(several) or []
        values += list(listed.values()) if isinstance(listed, dict) else list(listed)
    names = {value.get("content") if isinstance(value, dict) else value for value in values}
    return {name for name in names if isinstance(name, str)}


def _by_id(vocabulary: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(vocabulary.items(), key=lambda entry: entry[1])
