"""What a bundle says of a cascade: the rule in its manifest, and in golden.json which of the two models answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compactor.base.atomic import read_json
from compactor.bundle.layout import CASCADE_SCHEMA, MANIFEST, SCHEMA

if TYPE_CHECKING:
    import numpy as np

    from compactor.runtime import Model

# So near the threshold another processor may take the other model, since int8 answers differ a little there.
NEAR = 0.05
TWO = (
    "feed `model`; where the highest probability by softmax(logits / temperature) is at least `confidence`, its logits / temperature "
    "are the answer; otherwise tokenize the text anew for `larger`, feed its model, and its logits / its temperature are"
)
EARLY = "the graph itself stops at the first exit that is sure; nothing is left to do for a reader"


def has_larger(interface: dict[str, Any]) -> bool:
    """Whether an ONNX folder holds two models."""
    return "larger" in (interface.get("cascade") or {})


def schema_of(interface: dict[str, Any]) -> int:
    """Return the manifest's schema: a reader that knows nothing of cascades shall refuse a bundle that it would answer worse from."""
    return CASCADE_SCHEMA if has_larger(interface) else SCHEMA


def told(interface: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest's block about a cascade, with the rule in words; empty for any other bundle."""
    rule = interface.get("cascade")
    return {"cascade": {"rule": TWO if has_larger(interface) else EARLY, **rule}} if rule else {}


def golden_route(model: Model, text: str, pair: str | None) -> dict[str, Any]:
    """Return which model answers a text, how sure the first one is, and what the second one would be fed; empty without a cascade."""
    rule = model.interface.cascade
    if rule is None:
        return {}
    found: Any = model
    confidence = float(found.confidences(text, pair)[0])
    near = abs(confidence - rule.confidence) < NEAR
    return {
        "by": "model" if confidence >= rule.confidence else "larger",
        "confidence": confidence,
        "larger_inputs": found.larger.encode(text, pair)[0],
        **({"near_threshold": True} if near else {}),
    }


def early_tolerance(model: Model) -> dict[str, Any]:
    """Return what golden.json allows a graph with early exits: on another processor it may stop elsewhere, with the same label."""
    path = model.interface.folder / MANIFEST
    exits = path.is_file() and "exits" in (read_json(path).get("cascade") or {})
    return {"or_same_label": "on another machine: it may stop at another exit there"} if exits else {}


def may_differ(case: dict[str, Any], allowed: dict[str, Any], answer: np.ndarray, expected: np.ndarray) -> bool:
    """Whether another processor's outputs for a case need not be near those of the file, since another model or exit may answer."""
    same = bool(answer.argmax() == expected.argmax())
    return bool(case.get("near_threshold")) or ("or_same_label" in allowed and same)


def same_larger_inputs(model: Model, case: dict[str, Any], given: tuple[Any, ...]) -> bool:
    """Whether the second model is fed what the file says; True without a cascade."""
    found: Any = model
    return "larger_inputs" not in case or bool(found.larger.encode(*given)[0] == case["larger_inputs"])
