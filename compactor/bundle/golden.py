"""The self-test of a bundle, for every language: awkward texts → token ids → outputs, with the tolerance allowed."""

# ruff: noqa: RUF001 - signs that are easily mistaken are what the awkward texts are for

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.environment import machine, versions
from compactor.bundle import golden_images
from compactor.bundle.cascades import early_tolerance, golden_route, may_differ, same_larger_inputs
from compactor.bundle.layout import SCHEMA, width

if TYPE_CHECKING:
    from compactor.runtime import Model
    from compactor.runtime.image_model import ImageModel

# Where tokenizers of different languages, and careless re-implementations, disagree.
AWKWARD = (
    "",
    "   ",
    " \t\n leading and trailing blanks \r\n ",
    "line one\nline two\ttabbed\r\nline three",
    "ALL CAPITALS and MiXeD CaSe",
    "Café naïve façade São Tomé Ångström",
    "Cafe\u0301 nai\u0308ve: accents as separate signs",
    "Straße ﬁne ½ ² № Ⅷ full-width ＡＢＣ１２３",
    "emoji 😀 👩‍👩‍👧‍👦 🇩🇪 👍🏽 done",
    "今天天气很好，東京タワー 서울 안녕하세요",
    "مرحبا بالعالم שלום עולם",
    "Привет мир, γειά σου κόσμε, สวัสดีชาวโลก",
    "[CLS] the [MASK] token [SEP] is <s> text </s> [PAD] [UNK] <pad>",
    "1234567890 3.14159 1,000,000 $9.99 50% 2026-01-31 12:30",
    "e-mail: a.b+c@example.org (see http://example.org/a?b=c#d) -- isn't it?!...",
    "zero\u200bwidth\u00a0no-break\u00adsoft\ufeffhyphen\u2028separator \u0007bell",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2,
    "a",
    "the quick brown fox jumps over the lazy dog " * 100,
)
ABSOLUTE = {"fp32": 1e-4, "fp16": 2e-2}
COSINE = 0.98
DECIDED = 0.1  # by how much the first answer's probability must lead for another machine to have to agree


def make_golden_images(model: ImageModel, names: Sequence[str]) -> dict[str, Any]:
    """Answer the images of a bundle, as `make_golden` does texts.

    Args:
        model: the bundle's, loaded.
        names: of the files below its folder, from `golden_images.write_images`.
    """
    cases = []
    for name in names:
        path = model.interface.folder / name
        logits = model.logits(path)[0]
        told = {"inputs": golden_images.told_inputs(model, path), model.interface.output: logits.astype(np.float64).tolist()}
        decided = _lead(model.interface.answer, logits) >= DECIDED
        cases.append({"image": name, **told, "answer": model(path), "decided": decided})
    return _golden(model, cases, how="one image at a time; inputs are told by their mean and by values from all over them")


def make_golden(model: Model, texts: Sequence[str], pairs: Sequence[str] | None) -> dict[str, Any]:
    """Answer the awkward texts and some of the user's own with the model as it is in the bundle, on one thread.

    Args:
        model: the bundle's, loaded.
        texts: real texts of the task.
        pairs: their second sentences; an awkward text is paired with the one after it.
    """
    everything = [*AWKWARD, *texts]
    seconds = None if pairs is None else [*AWKWARD[1:], AWKWARD[0], *pairs]
    cases = []
    for number, text in enumerate(everything):
        pair = None if seconds is None else seconds[number]
        logits, inputs = model.logits(text, pair)[0], model.encode(text, pair)[0]
        case = {"text": text} if pair is None else {"text": text, "pair": pair}
        cases.append(
            {
                **case,
                "inputs": inputs,
                # Libraries of other languages differ in how they cut: with this, a reader can tell such a case from a wrong tokenizer.
                "at_max_length": len(inputs["input_ids"]) == model.interface.max_length,
                model.interface.output: np.asarray(logits, dtype=np.float64).tolist(),
                **_answer(model, logits, text, pair),
                **golden_route(model, text, pair),
            }
        )
    return _golden(model, cases, how="one text at a time, without padding")


def _golden(model: Model, cases: list[dict[str, Any]], *, how: str) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "how": how,
        "output": model.interface.output,
        "tolerance": {**tolerance(model.interface.precision), **early_tolerance(model)},
        "made_on": this_machine(),
        "cases": cases,
    }


def written(golden: dict[str, Any]) -> str:
    """Return golden.json: one case a line, so that ids do not fill the file with line ends."""
    head = json.dumps({name: value for name, value in golden.items() if name != "cases"}, indent=2, ensure_ascii=False)
    cases = ",\n".join(f"    {json.dumps(case, ensure_ascii=False, allow_nan=False)}" for case in golden["cases"])
    return f'{head[:-2]},\n  "cases": [\n{cases}\n  ]\n}}\n'


def tolerance(precision: str) -> dict[str, Any]:
    """Say how near an answer must come.

    Integer products are exact, but one rounding of an activation that falls the other way on another processor grows from layer
    to layer: outputs of int8 graphs are compared by direction there, and on the same machine and runtime bit for bit.
    """
    allowed = ABSOLUTE.get(width(precision))
    if allowed is not None:
        return {"absolute": allowed, "told": f"each output within {allowed:g} of the one here"}
    return {
        "cosine": COSINE,
        "same_machine": "bit for bit",
        "told": f"cosine of the outputs with those here at least {COSINE}; the same label where `decided` is true; on the same "
        "machine and runtime bit for bit",
    }


def this_machine() -> dict[str, Any]:
    """Return what decides which kernels run: processor, instruction sets, runtime."""
    here = machine()
    found = versions(("onnxruntime", "onnxruntime-gpu", "tokenizers"))
    runtime = found.get("onnxruntime") or found.get("onnxruntime-gpu")
    return {
        "machine": here["machine"],
        "cpu_model": here["cpu_model"],
        "instruction_sets": here["instruction_sets"],
        "onnxruntime": runtime,
        "tokenizers": found.get("tokenizers"),
    }


def wrong_ids(model: Model, golden: dict[str, Any]) -> list[str]:
    """Return the texts whose token ids, or the images whose pixels, are not those of the file."""
    return [_shown(case) for case in golden["cases"] if not _same_inputs(model, case)]


def _same_inputs(model: Any, case: dict[str, Any]) -> bool:
    if "image" in case:
        return golden_images.same_inputs(model, model.interface.folder / case["image"], case["inputs"])
    given = _given(model, case)
    return bool(model.encode(*given)[0] == case["inputs"]) and same_larger_inputs(model, case, given)


def wrong_outputs(model: Model, golden: dict[str, Any]) -> list[str]:
    """Return, in words, each text whose outputs are further from those of the file than its tolerance allows."""
    allowed, output = golden["tolerance"], golden["output"]
    elsewhere = this_machine() != golden["made_on"]
    exact = "same_machine" in allowed and not elsewhere
    found = []
    for case in golden["cases"]:
        expected = np.array(case[output], dtype=np.float32)
        answer = model.logits(*_given(model, case))[0]
        if answer.shape != expected.shape:
            found.append(f"{_shown(case)}: {answer.size} outputs instead of {expected.size}")
        elif elsewhere and may_differ(case, allowed, answer, expected):
            continue
        elif exact and not np.array_equal(answer, expected):
            found.append(f"{_shown(case)}: off by {float(np.abs(answer - expected).max()):.2g} on the machine that built it")
        elif "absolute" in allowed and not np.allclose(answer, expected, rtol=0, atol=allowed["absolute"]):
            found.append(f"{_shown(case)}: off by {float(np.abs(answer - expected).max()):.2g}")
        elif "cosine" in allowed and _cosine(answer, expected) < allowed["cosine"]:
            found.append(f"{_shown(case)}: cosine {_cosine(answer, expected):.3f}")
    return found


def wrong_answers(model: Model, golden: dict[str, Any]) -> list[str]:
    """Return the decided texts that are answered otherwise."""
    found = []
    for case in golden["cases"]:
        if not case["decided"] or (case.get("near_threshold") and this_machine() != golden["made_on"]):
            continue
        here, expected = _named(model(*_given(model, case))), _named(case["answer"])
        if here != expected:
            found.append(f"{_shown(case)}: {_told(here)} instead of {_told(expected)}")
    return found


def _answer(model: Model, logits: np.ndarray, text: str, pair: str | None) -> dict[str, Any]:
    """Return the answer for people, and whether it is clear enough for another machine to have to agree; embeddings have none."""
    if model.interface.answer == "vector":
        return {"decided": False}
    answer = model(text, pair) if pair is not None else model(text)
    return {"answer": answer, "decided": _lead(model.interface.answer, logits) >= DECIDED}


def _named(answer: Any) -> list[tuple[Any, ...]]:
    """Return what must be the same in two answers: labels, and the places of spans; the scores are compared as outputs."""
    answers = answer if isinstance(answer, list) else [answer]
    return sorted((each["label"], each.get("start"), each.get("end")) for each in answers)


def _told(named: list[tuple[Any, ...]]) -> str:
    return ", ".join(f"{label}" if start is None else f"{label} at {start}-{end}" for label, start, end in named) or "nothing"


def _given(model: Model, case: dict[str, Any]) -> tuple[Any, ...]:
    """Return what a case asks: a text, a pair of texts, or an image of the bundle."""
    if "image" in case:
        return (model.interface.folder / case["image"],)
    return (case["text"], case["pair"]) if "pair" in case else (case["text"],)


def _lead(kind: str, logits: np.ndarray) -> float:
    """Return by how much the probability of what was chosen leads that of what was not, where it leads least; 0 for numbers."""
    values = logits.astype(np.float64)
    if kind == "number":
        return 0.0
    if kind == "classes":
        chances = 1.0 / (1.0 + np.exp(-values))
        return float(np.abs(2.0 * chances - 1.0).min())
    weights = np.exp(values - values.max(axis=-1, keepdims=True))
    if weights.shape[-1] < 2:
        return 1.0
    ordered = np.sort(weights / weights.sum(axis=-1, keepdims=True), axis=-1)
    return float((ordered[..., -1] - ordered[..., -2]).min())


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    one, other = one.ravel(), other.ravel()
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.dot(one, other)) / norm if norm else float(np.array_equal(one, other))


def _shown(case: dict[str, Any]) -> str:
    if "image" in case:
        return str(case["image"])
    text = case["text"]
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
