"""Ask a bundle: print its answer and how long it took."""

# ruff: noqa: N999 - the file's name is the verb

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.cli._numbers import count

if TYPE_CHECKING:
    from compactor.runtime import Model

NUMBERS_SHOWN = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compactor try`."""
    parser.add_argument("bundle", type=Path, help="folder of a bundle, or of an ONNX model with interface.json")
    parser.add_argument("text", help="the text or the path of an image, or - to read one a line from standard input")
    parser.add_argument("--pair", default=None, metavar="TEXT", help="second sentence, for a model that compares two")
    parser.add_argument(
        "--threads", type=count, default=None, metavar="N", help="threads (default: what the bundle recommends)"
    )
    parser.add_argument(
        "--provider", default=None, metavar="NAME", help="onnxruntime execution provider (default: the bundle's)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a text")


def run(arguments: argparse.Namespace) -> int:
    """Print one line a text; with `-` and a model that compares two, a line holds both, parted by a tab."""
    import json
    import time

    from compactor import runtime
    from compactor.base.errors import CompactorError

    begun = time.perf_counter()
    providers = [arguments.provider] if arguments.provider else None
    model = runtime.load(arguments.bundle, threads=arguments.threads, providers=providers)
    load_ms = 1e3 * (time.perf_counter() - begun)
    warm = False
    for text, pair in _texts(arguments, model.interface.pair):
        try:
            if not warm:  # the first answer of a session takes longer than all that follow
                _ask(model, text, pair)
                warm = True
            begun = time.perf_counter()
            answer = _ask(model, text, pair)
        except ValueError as error:
            raise CompactorError("T207", str(error), "see compactor try --help") from error
        milliseconds = 1e3 * (time.perf_counter() - begun)
        by = _answered_by(model, text, pair)
        if arguments.json:
            what = "text" if model.interface.image is None else "image"
            told = {what: text} if pair is None else {what: text, "pair": pair}
            print(
                json.dumps(
                    {**told, **_named(answer), **by, "ms": round(milliseconds, 3), "load_ms": round(load_ms, 1)},
                    ensure_ascii=False,
                )
            )
        else:
            who = f", by the {by['by']} model" if by else ""
            print(f"{_told(answer)}  ({milliseconds:.2f} ms{who})", flush=True)
    return 0


def _ask(model: Model, text: str, pair: str | None) -> Any:
    """Return the answer: a label, several, a number, spans; of a model for embeddings, the numbers."""
    return model.logits(text, pair)[0].tolist() if model.interface.answer == "vector" else model(text, pair)


def _answered_by(model: Any, text: str, pair: str | None) -> dict[str, Any]:
    """Return which model of a cascade answered, and how sure the first one was; empty for a single model."""
    if model.interface.cascade is None:
        return {}
    confidence = float(model.confidences(text, pair)[0])
    return {"by": "first" if confidence >= model.rule.confidence else "larger", "confidence": round(confidence, 4)}


def _named(answer: Any) -> dict[str, Any]:
    """Return the fields of an answer for JSON; a list of labels, spans or numbers gets a name."""
    if isinstance(answer, dict):
        return answer
    return {"embedding" if answer and isinstance(answer[0], float) else "answers": answer}


def _told(answer: Any) -> str:
    """Return an answer for people, in one line."""
    if isinstance(answer, dict):
        return f"{answer['label']}  {answer['score']:.3f}"
    if answer and isinstance(answer[0], float):
        return " ".join(f"{number:.3f}" for number in answer[:NUMBERS_SHOWN]) + f" ... ({len(answer)} numbers)"
    return ", ".join(f"{each['label']} {each['score']:.3f}{_place(each)}" for each in answer) or "nothing"


def _place(each: dict[str, Any]) -> str:
    return f" {each['text']!r} at {each['start']}-{each['end']}" if "text" in each else ""


def _texts(arguments: argparse.Namespace, pair: bool) -> Iterator[tuple[str, str | None]]:
    if arguments.text != "-":
        yield arguments.text, arguments.pair
        return
    for line in _lines():
        text, tab, second = line.rstrip("\n").partition("\t") if pair else (line.rstrip("\n"), "", "")
        yield text, second if tab else arguments.pair


def _lines() -> Iterator[str]:
    """Yield the lines of standard input.

    Raises:
        CompactorError: T208 it is not UTF-8.
    """
    import sys

    from compactor.base.errors import CompactorError

    lines = iter(sys.stdin)
    while True:
        try:
            line = next(lines)
        except StopIteration:
            return
        except UnicodeDecodeError as error:
            told = f"standard input is not UTF-8: byte 0x{error.object[error.start]:02x}"
            raise CompactorError("T208", told, "convert it first, as with iconv -f latin1 -t utf-8") from error
        yield line
