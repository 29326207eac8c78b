"""A cell whose runs start from text: the tokenizer's work and the model's, as an app has them."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from compactor.measuring.worker.answering import Answerer
from compactor.measuring.worker.timing import Run

PARTS = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}


class UnsupportedError(Exception):
    """This machine or this model cannot do what was asked; the figure is then not measured."""


def read_texts(command: dict[str, Any], inputs: list[dict[str, Any]], answerer: Answerer) -> list[Run]:
    """Return one call a text: tokenize, make the arrays, answer.

    Args:
        command: `path` of a JSON list of texts, `tokenizer` (tokenizer.json), `max_length` or None.
        inputs: of the graph, as `ready` tells them.
        answerer: what answers.

    Raises:
        UnsupportedError: no `tokenizers` here, or an input that a tokenizer does not make.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise UnsupportedError("the package tokenizers is not installed") from None
    import numpy

    unknown = [each["name"] for each in inputs if each["name"] not in PARTS]
    if unknown:
        raise UnsupportedError(f"the input {unknown[0]} is not made by a tokenizer")
    tokenizer = Tokenizer.from_file(command["tokenizer"])
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if command.get("max_length"):
        tokenizer.enable_truncation(command["max_length"])
    types = {each["name"]: numpy.int32 if "int32" in each["type"] else numpy.int64 for each in inputs}

    def answer(text: str) -> Any:
        tokens = tokenizer.encode(text)
        feed = {name: numpy.array([getattr(tokens, PARTS[name])], dtype=kind) for name, kind in types.items()}
        return answerer.prepared(feed)()

    with open(command["path"], encoding="utf-8") as stream:
        texts = json.load(stream)
    return [partial(answer, text) for text in texts]
