"""Bundles of a model of tags: words are read from a text as they were in training."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors, trainers

import compactor
from compactor.data.encoding_words import words_tokenizer
from tests.bundle.conftest import make
from tests.bundle.tiny import save_graph, write_onnx_folder

TAGS = ["O", "B-LOC", "I-LOC"]
TEXT = "Paris saw me"


def byte_level(*, split: bool) -> Tokenizer:
    """Return a tokenizer like RoBERTa's, or with `split` like Qwen2's, which cuts words by a pattern of its own first."""
    tokenizer = Tokenizer(models.BPE())
    own = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not split)
    pattern = pre_tokenizers.Split(Regex(r" ?[^ ]+"), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pattern, own]) if split else own
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<pad>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(["I saw Paris today, Paris saw me"] * 20, trainer)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def write_tags(folder, tokenizer):
    """Write an ONNX folder whose answer is a tag for each token, by its piece alone."""
    write_onnx_folder(folder)
    dice = np.random.default_rng(0)
    table = dice.normal(size=(tokenizer.get_vocab_size(), len(TAGS))).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["logits"])],
        "main",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "sequence", len(TAGS)])],
        [numpy_helper.from_array(table, "table")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx")
    interface = json.loads((folder / "interface.json").read_text())
    del interface["inputs"]["attention_mask"]
    interface["outputs"]["logits"]["axes"] = ["batch", "sequence", "labels"]
    interface |= {"task": "token-classification", "answer": "tags"}
    (folder / "interface.json").write_text(json.dumps(interface))
    (folder / "labels.json").write_text(json.dumps(TAGS))
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"add_prefix_space": False, "pad_token": "<pad>"}))
    (folder / "vocab.txt").unlink()
    return folder


@pytest.mark.parametrize("split", [False, True], ids=["roberta", "qwen2"])
def test_the_first_word_has_the_pieces_that_it_had_in_training(split, tmp_path):
    tokenizer = byte_level(split=split)
    trained = words_tokenizer(tokenizer, 24).encode(TEXT.split(), is_pretokenized=True).ids
    assert tokenizer.encode(TEXT).ids != trained
    folder = make(write_tags(tmp_path / "source", tokenizer), tmp_path / "bundle", texts=[TEXT])
    assert Tokenizer.from_file(str(folder / "tokenizer.json")).encode(TEXT).ids == trained
    assert json.loads((folder / "tokenizer_config.json").read_text())["add_prefix_space"] is True
    for span in compactor.load(folder)(TEXT):
        assert span["text"] == TEXT[span["start"] : span["end"]] == span["text"].strip()
    golden = json.loads((folder / "golden.json").read_text())["cases"][-1]
    assert (golden["text"], golden["inputs"]["input_ids"]) == (TEXT, trained)


def test_a_model_of_classes_keeps_its_tokenizer(tmp_path):
    tokenizer = byte_level(split=False)
    source = write_onnx_folder(tmp_path / "source")
    save_graph(source / "model.onnx", tokenizer.get_vocab_size(), pair=False, opset=17, ir_version=8, strong=4.0)
    tokenizer.save(str(source / "tokenizer.json"))
    folder = make(source, tmp_path / "bundle", texts=[])
    assert json.loads((folder / "tokenizer.json").read_text())["pre_tokenizer"]["add_prefix_space"] is False
