"""A WordPiece tokenizer's files with fewer pieces: which pieces must stay, and the folder that lists only the kept ones.

WordPiece takes the longest piece that matches, again and again. Leaving a piece out therefore changes only the words that used it:
they fall back on shorter pieces, at worst on single characters. A word becomes unknown only if one of its characters has no
piece of its own in the place where it stands (`c` at the start of a word, `##c` inside). Nothing else changes, so no merge table
or score has to be made anew; that is why BPE and Unigram tokenizers are refused here.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from compactor.base.atomic import read_json, write_json, write_text
from compactor.base.errors import StageError, disk_error

UNUSED = re.compile(r"^\[unused\d+\]$")  # the spare places of BERT's list
TOKENIZER_FILES = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")


class WordPieceFile:
    """The content of a `tokenizer.json` whose model is WordPiece.

    Attributes:
        content: the parsed file.
        pieces: piece → id, those of the model and those added to it.
        size: number of ids, one more than the largest.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise StageError("K301", f"there is no {path}", "a smaller vocabulary needs a fast tokenizer's tokenizer.json")
        self.folder = folder
        self.content: dict[str, Any] = read_json(path)
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
    def special(self) -> np.ndarray:
        """Ids of all special and added tokens, ascending, int64: they always stay."""
        names = {entry["content"] for entry in self.content.get("added_tokens") or []}
        names.add(self.content["model"].get("unk_token") or "[UNK]")
        for name in TOKENIZER_FILES[:2]:
            if (self.folder / name).is_file():
                names |= _token_names(read_json(self.folder / name))
        return np.array(sorted(self.pieces[name] for name in names if name in self.pieces), dtype=np.int64)

    @property
    def characters(self) -> np.ndarray:
        """Ids of the pieces that are one character, at a word's start or inside it, ascending, int64."""
        prefix = self.content["model"].get("continuing_subword_prefix") or "##"
        single = (id for piece, id in self.pieces.items() if len(piece) == 1 or len(piece.removeprefix(prefix)) == 1)
        return np.array(sorted(single), dtype=np.int64)

    @property
    def unused(self) -> np.ndarray:
        """Ids of spare places such as `[unused7]`, ascending, int64."""
        return np.array(sorted(id for piece, id in self.pieces.items() if UNUSED.match(piece)), dtype=np.int64)


def write_smaller_tokenizer(source: Path, folder: Path, kept: np.ndarray) -> None:
    """Write the tokenizer files of `source` with the kept pieces alone; padding and truncation are left off.

    Args:
        source: folder with a WordPiece tokenizer.json.
        folder: where tokenizer.json, vocab.txt, tokenizer_config.json (and special_tokens_map.json) are written.
        kept: int64 (pieces,), old ids in ascending order; the new id of `kept[i]` is `i`.

    Raises:
        StageError: K301 to K303 for a tokenizer that cannot be cut, R101 when the disk is full.
    """
    file = WordPieceFile(source)
    new_ids = {int(old): new for new, old in enumerate(kept)}
    content = json.loads(json.dumps(file.content))
    content["padding"] = content["truncation"] = None
    model = content["model"]
    model["vocab"] = {piece: new_ids[id] for piece, id in _by_id(model["vocab"]) if id in new_ids}
    for entry in content.get("added_tokens") or []:
        entry["id"] = new_ids[entry["id"]]
    content["post_processor"] = _renumbered(content.get("post_processor"), new_ids)
    write_json(folder / "tokenizer.json", content)
    write_text(folder / "vocab.txt", "".join(f"{piece}\n" for piece, _ in _by_id(model["vocab"])))
    _write_companions(source, folder, file.pieces, new_ids)


def _write_companions(source: Path, folder: Path, pieces: dict[str, int], new_ids: dict[int, int]) -> None:
    """Carry the other tokenizer files over; `added_tokens_decoder` and added_tokens.json name ids."""
    for name in TOKENIZER_FILES:
        path = source / name
        if not path.is_file():
            continue
        value = read_json(path)
        if name == "added_tokens.json":
            write_json(folder / name, {token: new_ids[pieces[token]] for token in value})
        elif isinstance(value.get("added_tokens_decoder"), dict):
            decoder = {str(new_ids[int(id)]): entry for id, entry in value["added_tokens_decoder"].items()}
            write_json(folder / name, value | {"added_tokens_decoder": decoder})
        else:
            try:
                shutil.copyfile(path, folder / name)
            except OSError as error:
                raise disk_error(error, folder / name) from error


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
            "special_tokens": {name: entry | {"ids": [new_ids[id] for id in entry["ids"]]} for name, entry in special.items()}
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
