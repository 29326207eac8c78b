"""What the app must ship, in bytes: in all, and by part of the model. The total needs no `onnx`, the parts do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from compactor.base.errors import MissingError, StageError

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto

TOKENIZER_FILES = frozenset(
    (
        *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt"),
        *("vocab.json", "merges.txt", "sentencepiece.bpe.model", "spiece.model", "tokenizer.model"),
    )
)
DESCRIPTION_FILES = frozenset(("config.json", "labels.json", "interface.json", "manifest.json", "preprocessor_config.json"))
HEAD = re.compile(r"(^|[./])(classifier|pre_classifier|pooler|score|qa_outputs|lm_head|cls|head|out_proj)([._/]|$)")
# The second factor of a factorized piece table.
PROJECTION = re.compile(r"word_embeddings\.projection")
MATRIX_NODES = frozenset(
    (
        "MatMul",
        "Gemm",
        "MatMulInteger",
        "QLinearMatMul",
        "DynamicQuantizeMatMul",
        "MatMulNBits",
        "QGemm",
        "MatMulIntegerToFloat",
    )
)
SUFFIXES = ("_quantized", "_scale", "_zero_point", "_quant")
LARGER = "larger"  # the second model of a cascade, a folder below the first
SMALL_CONSTANT_BYTES = 1024  # below, a Constant node is part of the graph and not a weight


def shipped_files(folder: Path) -> list[Path]:
    """Return the files that an app needs of an ONNX folder or a bundle: model, tokenizer, labels, settings; those of a cascade's two.

    Of an ONNX file that is named by itself: the file and the weights beside it.
    """
    if folder.is_file():
        return _model_files(folder)
    described = [path for path in sorted(folder.iterdir()) if path.name in TOKENIZER_FILES | DESCRIPTION_FILES]
    larger = shipped_files(folder / LARGER) if (folder / LARGER).is_dir() else []
    return [*_model_files(folder), *described, *larger]


def size_bytes(folder: Path) -> int:
    """Return the bytes of everything the app must ship."""
    return sum(path.stat().st_size for path in shipped_files(folder))


def model_file(path: Path) -> Path:
    """Return the ONNX file that a path means: the file itself, an ONNX folder's `model.onnx`, or a bundle's `onnx/*.onnx`.

    Raises:
        StageError: there is none, or more than one.
    """
    if not path.is_dir():
        found = [path] if path.is_file() else []
    else:
        found = (
            [path / "model.onnx"]
            if (path / "model.onnx").is_file()
            else sorted([*path.glob("onnx/*.onnx"), *path.glob("*.onnx")])
        )
    if len(found) != 1:
        what = "no ONNX model" if not found else f"more than one ONNX model ({', '.join(each.name for each in found)})"
        raise StageError("M100", f"there is {what} at {path}", "give an ONNX file, a folder with model.onnx, or a bundle")
    return found[0]


def size_by_part(folder: Path) -> dict[str, int]:
    """Return the bytes that each part takes; the parts add up to `total` exactly.

    Returns:
        `embeddings` (tables that tokens and positions are looked up in, with their scales), `encoder`, `head` (classifier and
        pooler), `tokenizer`, `graph` (all of the model file that is not weights, and the JSON descriptions), `total`.

    Raises:
        MissingError: the package `onnx` is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingError("M130", "sizes by part need the package onnx", 'pip install "compactor[toolchain]"') from error
    graph = onnx.load(model_file(folder), load_external_data=False).graph
    weights = _weights(graph)
    embeddings = _embeddings(graph, weights)
    head = _head(graph, weights) - embeddings
    sizes = {name: _payload_bytes(tensor) for name, tensor in weights.items()}
    own = [path for path in shipped_files(folder) if path.name in TOKENIZER_FILES and path.parent == folder]
    tokenizer = sum(path.stat().st_size for path in own)
    parts = {
        "embeddings": sum(sizes[name] for name in embeddings),
        "encoder": sum(size for name, size in sizes.items() if name not in embeddings | head),
        "head": sum(sizes[name] for name in head),
        "tokenizer": tokenizer,
    }
    if (folder / LARGER).is_dir():
        parts["larger"] = size_bytes(folder / LARGER)
    total = size_bytes(folder)
    return {**parts, "graph": total - sum(parts.values()), "total": total}


def _model_files(folder: Path) -> list[Path]:
    """The ONNX file with its external data, which lies beside it under a name that begins with the model's."""
    model = model_file(folder)
    beside = [
        path
        for path in sorted(model.parent.iterdir())
        if path.name.startswith(f"{model.name}_") or path.name.startswith(f"{model.name}.")
    ]
    return [model, *beside]


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """Yield a graph and those in its branches."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _graphs(attribute.g)


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    """Yield the nodes of a graph, those in branches included."""
    for each in _graphs(graph):
        yield from each.node


def _weights(graph: GraphProto) -> dict[str, TensorProto]:
    """Return the tensors of a graph by name: initializers, and Constant nodes too large to be a shape or an axis."""
    weights = {tensor.name: tensor for each in _graphs(graph) for tensor in each.initializer}
    for node in _nodes(graph):
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value" and _payload_bytes(attribute.t) > SMALL_CONSTANT_BYTES:
                    weights[node.output[0]] = attribute.t
    return weights


def _payload_bytes(tensor: TensorProto) -> int:
    """Return the bytes of a tensor's values as they are stored, inside the file or beside it."""
    if tensor.external_data:
        return next((int(entry.value) for entry in tensor.external_data if entry.key == "length"), 0)
    if tensor.raw_data:
        return len(tensor.raw_data)
    typed = (("float_data", 4), ("double_data", 8), ("int64_data", 8), ("int32_data", 1), ("uint64_data", 8))
    # int32_data holds small integers as varints of a byte or more; what it takes beyond one byte counts as graph.
    return sum(len(getattr(tensor, name)) * width for name, width in typed)


def _embeddings(graph: GraphProto, weights: dict[str, TensorProto]) -> set[str]:
    """Find the tables by use: the data of a Gather, directly or through DequantizeLinear, and the scales around it.

    The projection of a factorized table is told by its name.
    """
    made_by = {output: node for node in graph.node for output in node.output}
    found = {name for name in weights if PROJECTION.search(name)}
    looked_up: set[str] = set()
    for node in graph.node:
        if node.op_type not in {"Gather", "GatherBlockQuantized", "EmbedLayerNormalization", "QEmbedLayerNormalization"}:
            continue
        tables = [node.input[0]] if node.op_type == "Gather" else list(node.input)
        for name in tables:
            source = made_by.get(name)
            names = source.input if source is not None and source.op_type == "DequantizeLinear" else [name]
            if names[0] in weights and len(weights[names[0]].dims) >= 2:
                found.update(each for each in names if each in weights)
                looked_up.update(node.output)
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in looked_up:
            found.update(name for name in node.input[1:] if name in weights)
    return found


def _head(graph: GraphProto, weights: dict[str, TensorProto]) -> set[str]:
    """Find the classifier and the pooler by the names of weights and nodes, or else as the last matrix before an output."""
    named = {name for name in weights if HEAD.search(name)}
    for node in _nodes(graph):
        if HEAD.search(node.name):
            named.update(name for name in node.input if name in weights)
    stems = {_stem(name) for name in named}
    named.update(name for name in weights if _stem(name) in stems)
    return named or _last_matrix(graph, weights)


def _last_matrix(graph: GraphProto, weights: dict[str, TensorProto]) -> set[str]:
    """Walk back from the outputs to the nearest matrix product with weights; return its weights and those after it."""
    made_by = {output: node for node in graph.node for output in node.output}
    wave, passed = [output.name for output in graph.output], set[str]()
    while wave:
        nodes: list[NodeProto] = [made_by[name] for name in wave if name in made_by]
        passed.update(_weights_of(nodes, weights))
        if any(node.op_type in MATRIX_NODES and _weights_of([node], weights) for node in nodes):
            stems = {_stem(name) for name in passed}
            return {name for name in weights if _stem(name) in stems}
        wave = list(dict.fromkeys(name for node in nodes for name in node.input if name not in weights))
    return set()


def _weights_of(nodes: Iterable[NodeProto], weights: dict[str, TensorProto]) -> set[str]:
    return {name for node in nodes for name in node.input if name in weights}


def _stem(name: str) -> str:
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name
