"""What the model card says of the answers, for each kind of them."""

from __future__ import annotations

from typing import Any

LABELS_SHOWN = 12


def what_it_answers(manifest: dict[str, Any]) -> str:
    """Return the end of the sentence "answers with ..."."""
    labels, kind = manifest["labels"], manifest["answer"]
    if kind == "vector":
        return "an embedding of length 1, so that the product of two is their cosine"
    if kind == "number":
        return f"a number, `{labels[0]}`, on the scale of its training data"
    if kind == "tags":
        kinds = list(dict.fromkeys(_kind(label) for label in labels if label != "O"))
        return f"the spans that it finds, of {len(kinds)} kinds: {_listed(kinds)}"
    amount = "any number of" if kind == "classes" else "one of"
    return f"{amount} {len(labels)} labels: {_listed(labels)}"


def what_it_does_not_know(manifest: dict[str, Any]) -> str:
    """Return a sentence on where the answers end."""
    if manifest.get("image"):
        return "It knows the labels above and nothing else: every image gets one of them, also one that shows none."
    return {
        "vector": "Its embeddings lie in its teacher's space, as near as `teacher_cosine` in measured.json says, and compare with "
        "no other model's.",
        "number": "It gives a number for every text, also for one that is unlike all it was trained on.",
        "tags": "It was trained and measured on texts cut into words beforehand. Here, words are what the tokenizer takes for words, so "
        "that `U.S.` is four of them.",
        "classes": "A text has the labels whose own probability is above one half, perhaps none; `logits` gives all scores.",
    }.get(
        manifest["answer"],
        "It knows the labels above and nothing else: every text gets one of them, also a text that belongs to none.",
    )


def _kind(label: str) -> str:
    """Return a tag without its place in a span: `PER` of `B-PER`."""
    place, dash, kind = label.partition("-")
    return kind if dash and place in "BIESLU" else label


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:LABELS_SHOWN])
    return shown + (f", and {len(names) - LABELS_SHOWN} more (labels.json)" if len(names) > LABELS_SHOWN else "")
