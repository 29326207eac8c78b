"""Tokenizers as files: loaded without the padding and truncation that a file may carry, and copied clean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.atomic import read_json, write_json, write_text
from compactor.base.errors import StageError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD_NAMES = ("[PAD]", "<pad>", "<|pad|>")
# transformers writes 1e30 where a tokenizer has no limit.
LARGEST_LENGTH = 1_000_000
# RoBERTa's position table begins with this many rows that no piece uses.
OFFSET_POSITIONS = {"roberta": 2, "xlm-roberta": 2, "camembert": 2, "mpnet": 2}
SETTINGS = "tokenizer_config.json"


def load_tokenizer(folder: Path) -> Tokenizer:
    """Return the tokenizer of a model folder, with no padding and no truncation whatever its file says.

    Raises:
        StageError: L110 there is no tokenizer that can be read, L111 tokenizer.json is broken.
    """
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if path.is_file():
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the Rust library raises bare Exception
            raise StageError("L111", f"{path} cannot be read: {error}", "save the tokenizer again with transformers") from error
    else:
        tokenizer = _converted(folder)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def pad_id(folder: Path) -> int:
    """Return the id of the padding piece.

    Tried in order: the tokenizer's `pad_token`, config.json's `pad_token_id`, a piece that is named as padding usually is, the
    end-of-text piece (padding is masked, so any piece does).

    Raises:
        StageError: L112 when none of these is there.
    """
    tokenizer = load_tokenizer(folder)
    names = [
        _token_text(_settings(folder).get("pad_token")),
        _token_text(_optional(folder / "special_tokens_map.json").get("pad_token")),
    ]
    for name in names:
        if name and (number := tokenizer.token_to_id(name)) is not None:
            return int(number)
    config = _optional(folder / "config.json")
    if isinstance(config.get("pad_token_id"), int) and 0 <= config["pad_token_id"] < tokenizer.get_vocab_size():
        return int(config["pad_token_id"])
    for name in (*PAD_NAMES, _token_text(_settings(folder).get("eos_token")), "</s>", "<|endoftext|>", "[SEP]"):
        if name and (number := tokenizer.token_to_id(name)) is not None:
            return int(number)
    raise StageError("L112", f"the tokenizer in {folder} has no padding piece", f'put "pad_token" into {SETTINGS}')


def has_pad_token(folder: Path) -> bool:
    """Whether the tokenizer names its padding piece; without one `pad_id` falls back, which is worth a finding."""
    return bool(
        _token_text(_settings(folder).get("pad_token"))
        or _token_text(_optional(folder / "special_tokens_map.json").get("pad_token"))
        or isinstance(_optional(folder / "config.json").get("pad_token_id"), int)
    )


def mask_id(folder: Path) -> int | None:
    """Return the id of the piece that hides others, else of the unknown piece; None without both."""
    tokenizer, settings = load_tokenizer(folder), _settings(folder)
    for name in (
        _token_text(settings.get("mask_token")),
        "[MASK]",
        "<mask>",
        _token_text(settings.get("unk_token")),
        "[UNK]",
        "<unk>",
    ):
        if name and (number := tokenizer.token_to_id(name)) is not None:
            return int(number)
    return None


def max_length(folder: Path) -> int:
    """Return the most pieces that a text may have: what the tokenizer says, at most what the model has positions for."""
    config, said = _optional(folder / "config.json"), _settings(folder).get("model_max_length")
    positions = config.get("max_position_embeddings")
    limits = [int(said)] if isinstance(said, (int, float)) and said < LARGEST_LENGTH else []
    if isinstance(positions, int):
        limits.append(positions - OFFSET_POSITIONS.get(str(config.get("model_type")), 0))
    return min(limits, default=512)


def copy_tokenizer(source: Path, folder: Path, *, length: int | None = None) -> None:
    """Write the tokenizer files of a model folder into another: padding and truncation removed, the padding piece named.

    Args:
        source: a model folder.
        folder: where tokenizer.json, tokenizer_config.json and, for WordPiece, vocab.txt go.
        length: written as `model_max_length`; by default what the source says.
    """
    settings = {name: value for name, value in _settings(source).items() if name not in {"auto_map", "name_or_path"}}
    write_tokenizer(load_tokenizer(source), folder, settings=settings, length=length or max_length(source), pad=pad_id(source))


def write_tokenizer(tokenizer: Tokenizer, folder: Path, *, settings: dict[str, Any], length: int, pad: int) -> None:
    """Write a tokenizer and its settings; `pad` is the id of the padding piece, `length` the most pieces of a text."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    write_text(folder / "tokenizer.json", tokenizer.to_str(pretty=False))
    write_json(folder / SETTINGS, {**settings, "pad_token": tokenizer.id_to_token(pad), "model_max_length": length})
    if json.loads(tokenizer.to_str())["model"]["type"] == "WordPiece":
        pieces = sorted(tokenizer.get_vocab(with_added_tokens=True).items(), key=lambda item: item[1])
        if [number for _, number in pieces] == list(range(len(pieces))):
            write_text(folder / "vocab.txt", "".join(f"{piece}\n" for piece, _ in pieces))


def _converted(folder: Path) -> Tokenizer:
    """Convert a folder that has only a slow tokenizer's files, by transformers."""
    from compactor.models.quiet import quiet_transformers

    try:
        with quiet_transformers():
            from transformers import AutoTokenizer

            tokenizer: Tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer
            return tokenizer
    except Exception as error:
        sentence = f"{folder} has no tokenizer.json, and its other files give no fast tokenizer ({str(error).splitlines()[0]})"
        raise StageError(
            "L110", sentence, "save a fast tokenizer: AutoTokenizer.from_pretrained(...).save_pretrained(folder)"
        ) from error


def _settings(folder: Path) -> dict[str, Any]:
    return _optional(folder / SETTINGS)


def _optional(path: Path) -> dict[str, Any]:
    value = read_json(path) if path.is_file() else {}
    return value if isinstance(value, dict) else {}


def _token_text(token: Any) -> str:
    """Return the text of a token as JSON files write it: a string, or a mapping with `content`."""
    return str(token.get("content", "")) if isinstance(token, dict) else str(token or "")
