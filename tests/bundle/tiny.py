"""A text classifier of a few kilobytes, made with onnx alone: mean of piece embeddings, one matrix."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

LABELS = ["refund", "delivery", "log in"]
WIDTH, MAX_LENGTH = 8, 24
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SENTENCE = "my money back parcel late password the quick brown fox jumps over lazy dog line one two three cafe naive"
SIGNS = [chr(code) for code in range(33, 127) if not chr(code).isupper()]


def write_onnx_folder(folder: Path, *, pair: bool = False, opset: int = 17, ir_version: int = 8, strong: float = 4.0) -> Path:
    """Write an ONNX folder as `export` leaves it."""
    folder.mkdir(parents=True)
    tokenizer = write_tokenizer(folder)
    save_graph(folder / "model.onnx", tokenizer.get_vocab_size(), pair=pair, opset=opset, ir_version=ir_version, strong=strong)
    inputs = ["input_ids", "attention_mask", *(["token_type_ids"] if pair else [])]
    interface = {
        "schema": 1,
        "task": "text-classification",
        "inputs": {name: {"dtype": "int64", "axes": ["batch", "sequence"]} for name in inputs},
        "outputs": {"logits": {"dtype": "float32", "axes": ["batch", "labels"]}},
        "max_length": MAX_LENGTH,
        "pad_id": 0,
        "pair": pair,
        "opset": opset,
        "precision": "fp32",
    }
    (folder / "interface.json").write_text(json.dumps(interface), encoding="utf-8")
    (folder / "labels.json").write_text(json.dumps(LABELS), encoding="utf-8")
    config = {"model_type": "bert", "vocab_size": tokenizer.get_vocab_size(), "_name_or_path": "/somewhere/else"}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def write_tokenizer(folder: Path) -> Tokenizer:
    """Write a WordPiece tokenizer whose file pads every text to 128, as published ones do."""
    pieces = [*SPECIAL, *SENTENCE.split(), *SIGNS, *(f"##{sign}" for sign in SIGNS)]
    tokenizer = Tokenizer(models.WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_padding(length=128)
    tokenizer.enable_truncation(128)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    settings = {"tokenizer_class": "BertTokenizerFast", "do_lower_case": True, "tokenizer_file": "/somewhere/else", **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    return tokenizer


def save_graph(path: Path, vocabulary: int, *, pair: bool, opset: int, ir_version: int, strong: float) -> None:
    """Write the graph; `strong` scales the answers, so that most texts have a clear one."""
    dice = np.random.default_rng(0)
    weights = {
        "embeddings": dice.normal(size=(vocabulary, WIDTH)).astype(np.float32),
        "classifier": (strong * dice.normal(size=(WIDTH, len(LABELS)))).astype(np.float32),
        "last": np.array([-1], dtype=np.int64),
        "words": np.array([1], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Gather", ["embeddings", "input_ids"], ["looked_up"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["wide_mask"]),
        helper.make_node("Mul", ["typed" if pair else "looked_up", "wide_mask"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "words"], ["total"], keepdims=0),
        helper.make_node("ReduceSum", ["mask", "words"], ["count"], keepdims=1),
        helper.make_node("Div", ["total", "count"], ["mean"]),
        helper.make_node("MatMul", ["mean", "classifier"], ["logits"]),
    ]
    inputs = ["input_ids", "attention_mask"]
    if pair:
        weights["types"] = dice.normal(size=(2, WIDTH)).astype(np.float32)
        nodes[1:1] = [
            helper.make_node("Gather", ["types", "token_type_ids"], ["type"]),
            helper.make_node("Mul", ["looked_up", "type"], ["typed"]),
        ]
        inputs.append("token_type_ids")
    graph = helper.make_graph(
        nodes,
        "main",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in inputs],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(LABELS)])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def quantize(source: Path, folder: Path) -> Path:
    """Make a dynamically quantized ONNX folder of another."""
    import shutil

    from onnxruntime.quantization import QuantType, quantize_dynamic

    shutil.copytree(source, folder)
    quantize_dynamic(source / "model.onnx", folder / "model.onnx", per_channel=True, weight_type=QuantType.QInt8)
    interface = json.loads((folder / "interface.json").read_text(encoding="utf-8"))
    (folder / "interface.json").write_text(json.dumps({**interface, "precision": "int8-dynamic"}), encoding="utf-8")
    return folder
