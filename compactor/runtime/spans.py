"""From a tag for each token to spans of the text: words by their first token, spans by the rules of conlleval."""

from __future__ import annotations

from typing import Any

import numpy as np

from compactor.runtime.texts import Tokens

# How schemes mark the place of a word in a span: IOB1, IOB2, IOBES, BILOU. L and U are BILOU's names for E and S.
PLACES = {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S"}
OUTSIDE = "O"


def find_spans(logits: np.ndarray, labels: tuple[str, ...], tokens: Tokens) -> list[dict[str, Any]]:
    """Return what a text names: `{"label", "score", "start", "end", "text"}` in order.

    A word has the tag of its first token, as in training. A span begins with a word tagged B or S, or where the type changes or the
    word before belongs to none (Tjong Kim Sang and De Meulder 2003, conlleval). Tags without a place, such as parts of speech, make
    every word a span.

    Args:
        logits: (tokens, labels), special tokens included.
        labels: tag names in id order.
        tokens: the text, and where its tokens lie in it.

    Returns:
        `start` and `end` count the text's characters, as Python does; `score` is the mean probability of the span's words.
    """
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    best = logits.argmax(axis=1)
    words = _words(tokens)
    parts = [read_tag(labels[best[word[0]]], plain=not _has_places(labels)) for word in words]
    found = []
    for first, last in spans_of(parts):
        inside = words[first : last + 1]
        start, end = _trimmed(tokens.text, tokens.encoding.offsets[inside[0][0]][0], tokens.encoding.offsets[inside[-1][-1]][1])
        if start >= end:
            continue  # words of nothing but blanks
        score = float(np.mean([probabilities[word[0], best[word[0]]] for word in inside]))
        found.append({"label": parts[first][1], "score": score, "start": start, "end": end, "text": tokens.text[start:end]})
    return found


def spans_of(parts: list[tuple[str, str]]) -> list[tuple[int, int]]:
    """Return the first and the last word of each span.

    Args:
        parts: (place, type) of each word, see `read_tag`.
    """
    spans: list[tuple[int, int]] = []
    before = (OUTSIDE, "")
    for number, (place, kind) in enumerate(parts):
        if place == OUTSIDE:
            before = (OUTSIDE, "")
            continue
        if place in {"B", "S"} or before[0] in {OUTSIDE, "E", "S"} or before[1] != kind:
            spans.append((number, number))
        else:
            spans[-1] = (spans[-1][0], number)
        before = (place, kind)
    return spans


def read_tag(tag: str, *, plain: bool) -> tuple[str, str]:
    """Cut a tag into place and type: `B-PER` → B, PER; `O` → O; with `plain`, where no tag has a place, `NOUN` → S, NOUN."""
    if tag == OUTSIDE:
        return OUTSIDE, ""
    place, dash, kind = tag.partition("-")
    if plain or not dash or place not in PLACES:
        return "S", tag
    return PLACES[place], kind


def _has_places(labels: tuple[str, ...]) -> bool:
    return any(label.partition("-")[0] in PLACES and "-" in label for label in labels)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Return a span without blanks at its ends: to some tokenizers (Metaspace, ByteLevel) the blank before a word is part of it."""
    found = text[start:end]
    return end - len(found.lstrip()), start + len(found.rstrip())


def _words(tokens: Tokens) -> list[list[int]]:
    """Return the tokens of each word, in order; special tokens belong to none."""
    words: dict[int, list[int]] = {}
    for token, word in enumerate(tokens.encoding.word_ids):
        if word is not None:
            words.setdefault(word, []).append(token)
    return list(words.values())
