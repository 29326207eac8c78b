"""From texts to token ids: checked, cut before they are tokenized, and as the graph names its inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from compactor.runtime.interface import Interface

Texts = str | Sequence[str]
# Characters read for each token wanted at first. English has about five a token; blanks and unknown signs may take more.
CHARACTERS_PER_TOKEN = 64
GROWTH = 8


@dataclass(frozen=True)
class Tokens:
    """One text as the model reads it.

    Attributes:
        text: what was tokenized.
        encoding: of the library `tokenizers`: ids, offsets, word ids.
        inputs: token ids, mask and types by name of the graph's input.
        pair: the second sentence, None without.
    """

    text: str
    encoding: Any
    inputs: dict[str, list[int]]
    pair: str | None = None


def tokenize(tokenizer: Any, interface: Interface, texts: Texts, pairs: Texts | None) -> Iterator[Tokens]:
    """Yield each text's tokens, at most `max_length` of them.

    Args:
        tokenizer: of the library `tokenizers`, with truncation set and without padding.
        interface: names the inputs and says whether there are pairs.
        texts: one text or many.
        pairs: the second sentence of each.
    """
    first, second = _checked(texts, "texts"), None if pairs is None else _checked(pairs, "pairs")
    if interface.pair and second is None:
        raise ValueError("this model compares two sentences: give the second ones as pairs")
    if not interface.pair and second is not None:
        raise ValueError("this model reads one sentence: leave pairs out")
    if second is not None and (len(first) != len(second) or isinstance(texts, str) != isinstance(pairs, str)):
        raise ValueError(f"as many pairs as texts are needed, here are {len(first)} texts and {len(second)} pairs")
    for number, text in enumerate(first):
        yield _row(tokenizer, interface, text, None if second is None else second[number])


def _checked(texts: Any, what: str) -> list[str]:
    """Return a list of texts that are texts."""
    if isinstance(texts, str):
        return [texts]
    if isinstance(texts, (bytes, dict)) or not hasattr(texts, "__iter__"):
        raise TypeError(f"{what} must be a string or a list of strings, not {type(texts).__name__}")
    found = list(texts)
    for number, text in enumerate(found):
        if not isinstance(text, str):
            raise TypeError(f"{what}[{number}] must be a string, not {type(text).__name__}")
    return found


def _row(tokenizer: Any, interface: Interface, text: str, pair: str | None) -> Tokens:
    text = _valid(text)
    pair = None if pair is None else _valid(pair)
    encoding = _encoding(tokenizer, interface.max_length, text, pair)
    made = {"input_ids": encoding.ids, "attention_mask": encoding.attention_mask, "token_type_ids": encoding.type_ids}
    if not encoding.ids:  # a tokenizer without special tokens, an empty text: a graph needs one token at least
        made = {"input_ids": [interface.pad_id], "attention_mask": [1], "token_type_ids": [0]}
    return Tokens(text, encoding, {name: made[name] for name in interface.inputs}, pair)


def _encoding(tokenizer: Any, max_length: int, text: str, pair: str | None) -> Any:
    """Tokenize the beginning of a text that is long enough to fill `max_length`: ten megabytes cost no more than ten kilobytes."""
    longest = max(len(text), len(pair or ""))
    cut = max_length * CHARACTERS_PER_TOKEN
    while True:
        encoding = tokenizer.encode(text[:cut], None if pair is None else pair[:cut])
        if cut >= longest or len(encoding.ids) >= max_length:
            return encoding
        cut *= GROWTH


def _valid(text: str) -> str:
    """Return the text with lone surrogates, which no encoding can write, replaced by U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
