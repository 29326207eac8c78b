"""manifest.json: all that a program in any language must know to load the bundle. It says what interface.json says, and more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import compactor
from compactor.base.atomic import read_json
from compactor.base.errors import StageError
from compactor.base.hashing import hash_folder
from compactor.bundle.cascades import schema_of, told
from compactor.bundle.layout import CONFIG, TOKENIZER, UNHASHED, model_file, width

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import GraphProto, NodeProto

    from compactor.targets import Target

# The first onnxruntime that implements an opset or IR version (compatibility table of onnxruntime.ai). A version that is not
# listed here is taken to need the onnxruntime that the bundle was tested with.
OLDEST_BY_OPSET = {13: "1.6", 14: "1.8", 15: "1.10", 16: "1.11", 17: "1.12", 18: "1.14", 19: "1.15", 20: "1.17", 21: "1.18"}
OLDEST_BY_IR = {7: "1.6", 8: "1.10", 9: "1.15", 10: "1.18"}
# Of GatherBlockQuantized with the attribute `bits`, which it has had since then.
OLDEST_BY_OPERATOR = {"MatMulNBits": "1.17", "MatMulBnb4": "1.17", "GatherBlockQuantized": "1.23"}
# Of MatMulNBits, by bits and whether it multiplies in float (accuracy_level 0).
OLDEST_BY_BITS = {(2, False): "1.24", (2, True): "1.24", (8, False): "1.22", (8, True): "1.23"}
MEANINGS = {
    "input_ids": "token ids, special tokens included",
    "attention_mask": "1 for a token, 0 for padding",
    "token_type_ids": "0 for the first sentence, 1 for the second",
    "pixel_values": "an RGB image as `image` says: resized, cropped, scaled, normalized",
    # of the output, by what it means
    "class": "raw scores; softmax over the last axis gives probabilities",
    "classes": "raw scores; the logistic function gives each label's own probability, and a text has the labels above one half",
    "number": "the number itself",
    "tags": "raw scores for each token; softmax over the last axis gives probabilities; a word has the tag of its first token",
    "vector": "the embedding of the text, of length 1",
}
# Products of 8-bit numbers that saturate at 16 bits without these (x86), and those that never do.
INT8_DOT_PRODUCTS = ("avx_vnni", "avx512_vnni")


def make_manifest(
    folder: Path,
    interface: dict[str, Any],
    *,
    name: str,
    target: Target,
    made: dict[str, Any],
    licenses: dict[str, str | None],
) -> dict[str, Any]:
    """Describe a bundle whose files all lie in `folder`.

    Args:
        folder: the bundle in the making; every file that is there is hashed.
        interface: content of interface.json, with `labels` and `reduce_range` (7-bit weights) beside it.
        name: of the model.
        target: the device it was made for.
        made: how it was made: stages and keys, JSON-able, without paths.
        licenses: of `model` and `data`, None where not stated.

    Raises:
        StageError: B103 the graph needs a newer onnxruntime than the target has.
    """
    model = model_file(interface["precision"])
    graph = describe_graph(folder / model)
    oldest = _oldest(graph, target)
    return {
        "schema": schema_of(interface),
        "name": name,
        "task": interface["task"],
        "answer": interface.get("answer", "class"),
        "pipeline_tag": interface.get("pipeline_tag", interface["task"]),
        "model": model,
        "precision": interface["precision"],
        "inputs": _described(interface["inputs"], required=True),
        "outputs": _described(interface["outputs"], meaning=MEANINGS[interface.get("answer", "class")]),
        **told(interface),
        "labels": interface["labels"],
        "pair": interface["pair"],
        "max_length": interface["max_length"],
        "pad_id": interface["pad_id"],
        **_reading(folder, interface, graph),
        **_versions(graph),
        "oldest_onnxruntime": oldest,
        "providers": [target.provider],
        "instruction_sets": _instruction_sets(interface),
        "session": _session(target),
        "target": target.name,
        "licenses": licenses,
        "made": {"compactor": compactor.__version__, **made},
        "files": {path: entry for path, entry in hash_folder(folder).items() if path not in UNHASHED},
    }


def _reading(folder: Path, interface: dict[str, Any], graph: dict[str, Any]) -> dict[str, Any]:
    """Return what a program must do to a text or an image before the graph takes it; what does not apply is null."""
    if interface.get("image"):
        padding = _padding(interface, graph)
        return {"image": interface["image"], "truncation": None, "padding": padding, "tokenizer": None, "vocab_size": None}
    tokens = json.loads((folder / TOKENIZER).read_text(encoding="utf-8"))
    return {
        "truncation": {"max_length": interface["max_length"], "side": "right", "strategy": "longest_first"},
        "padding": _padding(interface, graph),
        "tokenizer": _tokenizer(tokens),
        "vocab_size": read_json(folder / CONFIG).get("vocab_size"),
    }


def _versions(graph: dict[str, Any]) -> dict[str, Any]:
    """Return what a runtime must know of the graph's versions."""
    return {
        "opset": graph["opsets"].get("ai.onnx"),
        "ir_version": graph["ir_version"],
        "contrib_domains": sorted(domain for domain in graph["opsets"] if domain != "ai.onnx"),
        "tested_onnxruntime": _onnxruntime_version(),
    }


def describe_graph(path: Path) -> dict[str, Any]:
    """Describe an ONNX file.

    Returns:
        `opsets` by domain, `ir_version`, `operators`, `oldest_by_operator`: the first onnxruntime with a contributed operator as it is
        used here, and `external`: weights lie in other files.
    """
    import onnx

    model = onnx.load(path, load_external_data=False)
    nodes = list(_nodes(model.graph))
    used = {node.domain or "ai.onnx" for node in nodes}
    opsets = {(entry.domain or "ai.onnx"): entry.version for entry in model.opset_import}
    return {
        "opsets": {domain: version for domain, version in sorted(opsets.items()) if domain in used or domain == "ai.onnx"},
        "ir_version": model.ir_version,
        "operators": sorted({node.op_type for node in nodes}),
        "oldest_by_operator": dict(sorted(each for each in map(_contributed, nodes) if each)),
        "external": any(tensor.external_data for tensor in model.graph.initializer),
    }


def _contributed(node: NodeProto) -> tuple[str, str] | None:
    """Return an operator of the table, as it is used here, and the first version that can run it."""
    oldest = OLDEST_BY_OPERATOR.get(node.op_type)
    if oldest is None:
        return None
    if node.op_type != "MatMulNBits":
        return node.op_type, oldest
    numbers = {"bits": 4, "accuracy_level": 0} | {attribute.name: attribute.i for attribute in node.attribute}
    bits, exact = numbers["bits"], numbers["accuracy_level"] == 0
    return f"MatMulNBits with {bits} bits{' in float' if exact else ''}", OLDEST_BY_BITS.get((bits, exact), oldest)


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    """Yield the nodes of a graph, those in branches included."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g)


def _session(target: Target) -> dict[str, Any]:
    """Return the session options that the target's figures were taken with."""
    return {
        "intra_op_num_threads": target.threads,
        "inter_op_num_threads": 1,
        "graph_optimization_level": "all",
        "allow_spinning": target.spinning,
    }


def _oldest(graph: dict[str, Any], target: Target) -> str:
    """Return the first onnxruntime that can load the graph, by opset, IR version and contributed operators."""
    tested = _onnxruntime_version()
    needs: dict[str, str] = {
        f"opset {graph['opsets'].get('ai.onnx')}": _first(OLDEST_BY_OPSET, graph["opsets"].get("ai.onnx", 1), tested),
        f"IR version {graph['ir_version']}": _first(OLDEST_BY_IR, graph["ir_version"], tested),
        **graph["oldest_by_operator"],
    }
    reason, oldest = max(needs.items(), key=lambda need: _numbers(need[1]))
    if _numbers(oldest) > _numbers(target.oldest_onnxruntime):
        raise StageError(
            "B103",
            f"the graph has {reason}, which needs onnxruntime {oldest}, but {target.name} has {target.oldest_onnxruntime}",
            f"export with an older opset, or set oldest_onnxruntime: {oldest} in the target",
        )
    return oldest


def _first(table: dict[int, str], version: int, tested: str) -> str:
    """Return the entry of the first listed version that is not older; beyond the table, the version tested."""
    return next((oldest for listed, oldest in sorted(table.items()) if listed >= version), ".".join(tested.split(".")[:2]))


def _onnxruntime_version() -> str:
    import onnxruntime

    return str(onnxruntime.__version__)


def _described(values: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {name: {**value, "meaning": MEANINGS.get(name, ""), **more} for name, value in values.items()}


def _padding(interface: dict[str, Any], graph: dict[str, Any]) -> dict[str, Any]:
    """Say how to pad, and whether it matters: a dynamic range is taken over the whole batch, padding included."""
    depends = "DynamicQuantizeLinear" in graph["operators"] or "DynamicQuantizeMatMul" in graph["operators"]
    if interface.get("image"):
        range_of_all = (
            "answer images one by one: the range of the activations is taken over the batch, so answers change with it"
        )
        advice = (
            range_of_all if depends else "none: all images are prepared to one size, and answers do not depend on the batch"
        )
        return {"id": None, "side": None, "answers_depend_on_padding": depends, "advice": advice}
    advice = (
        "answer texts one by one, unpadded: the range of the activations is taken over the batch, so answers change with padding"
        if depends
        else "pad to the longest text of a batch; answers do not depend on it"
    )
    return {"id": interface["pad_id"], "side": "right", "answers_depend_on_padding": depends, "advice": advice}


def _tokenizer(tokens: dict[str, Any]) -> dict[str, Any]:
    """Return what a reader of tokenizer.json wants to know beforehand; the file itself is what counts."""
    special = {token["content"]: token["id"] for token in tokens.get("added_tokens", []) if token.get("special")}
    normalizer = json.dumps(tokens.get("normalizer"))
    lower = '"lowercase": true' in normalizer or '"Lowercase"' in normalizer
    return {"model": tokens["model"].get("type"), "lower_cases": lower, "special_ids": special}


def _instruction_sets(interface: dict[str, Any]) -> dict[str, Any]:
    """Say on which processors the answers can be trusted."""
    if width(interface["precision"]) != "int8" or interface["reduce_range"]:
        return {"x86_64": "any", "aarch64": "any"}
    return {
        "x86_64": {"any_of": list(INT8_DOT_PRODUCTS)},
        "aarch64": "any",
        "why": "8-bit products saturate on x86 processors without VNNI: there, answers may be wrong",
    }


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split(".")[:2])
