"""Bundles of real (tiny, random) encoders: other libraries read them, and find the same ids and answers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from compactor import runtime
from compactor.bundle import verify
from compactor.bundle.golden import AWKWARD
from tests.bundle.conftest import make
from tests.bundle.tiny import LABELS, write_onnx_folder

pytestmark = pytest.mark.model
MAX_LENGTH = 32
CORPUS = ["my money back please", "the parcel is late again", "reset the password of my account", "Café naïve 123"] * 20
FAMILIES = ["bert", "bert-pair", "roberta"]


def wordpiece(folder) -> None:
    from compactor.models.wordpiece import train_wordpiece

    train_wordpiece(iter(CORPUS), 200, folder, MAX_LENGTH)


def byte_level(folder) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    )
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": MAX_LENGTH, **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def tiny_encoder(family: str):
    import torch
    import transformers

    torch.manual_seed(0)
    sizes = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "num_labels": len(LABELS),
    }
    if family == "roberta":
        config = transformers.RobertaConfig(vocab_size=400, max_position_embeddings=MAX_LENGTH + 2, type_vocab_size=1, **sizes)
        return transformers.RobertaForSequenceClassification(config).eval()
    return transformers.BertForSequenceClassification(
        transformers.BertConfig(vocab_size=200, max_position_embeddings=MAX_LENGTH, initializer_range=0.5, **sizes)
    ).eval()


@pytest.fixture(scope="module", params=FAMILIES)
def exported(request, tmp_path_factory):
    """Return family, the torch folder and the bundle."""
    from compactor import models
    from compactor.exporting import export_onnx
    from compactor.tasks import TASKS

    family, root = request.param, tmp_path_factory.mktemp(request.param)
    for name in ("tokenizer", "torch", "onnx"):
        (root / name).mkdir()
    (byte_level if family == "roberta" else wordpiece)(root / "tokenizer")
    models.save(tiny_encoder(family), root / "tokenizer", root / "torch", labels=tuple(LABELS), max_length=MAX_LENGTH)
    pair = family.endswith("pair")
    export_onnx(root / "torch", root / "onnx", task=TASKS.load("text-classification")(), pair=pair, opset=17)
    texts, pairs = CORPUS[:3], CORPUS[1:4] if pair else None
    return family, root / "torch", make(root / "onnx", root / "bundle", texts=texts, pairs=pairs)


def test_it_verifies(exported):
    assert verify(exported[2]).passed


def test_token_ids_are_those_of_transformers(exported):
    from transformers import AutoTokenizer

    family, _, bundle = exported
    model, tokenizer = runtime.load(bundle), AutoTokenizer.from_pretrained(bundle)
    assert tokenizer.model_max_length == MAX_LENGTH
    seconds = [*AWKWARD[1:], AWKWARD[0]] if family == "bert-pair" else None
    for number, text in enumerate(AWKWARD):
        pair = None if seconds is None else seconds[number]
        # As lists: given a lone empty second sentence, transformers drops it.
        expected = tokenizer([text], None if pair is None else [pair], truncation=True)
        got = model.encode(text, pair)[0]
        assert got == {name: expected[name][0] for name in got}, repr(text)


def test_answers_are_those_of_the_torch_model(exported):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    family, folder, bundle = exported
    module = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer, model = AutoTokenizer.from_pretrained(bundle), runtime.load(bundle)
    for text in AWKWARD:
        pair = "the second sentence" if family == "bert-pair" else None
        with torch.no_grad():
            expected = module(**tokenizer(text, pair, truncation=True, return_tensors="pt")).logits.numpy()
        np.testing.assert_allclose(model.logits(text, pair), expected, atol=1e-4, err_msg=repr(text))


def test_the_config_is_one_that_transformers_reads(exported):
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(exported[2])
    assert config.id2label == dict(enumerate(LABELS))
    assert config.label2id == {label: number for number, label in enumerate(LABELS)}


def test_a_tokenizer_that_transformers_5_saved_is_named_as_older_ones_know_it(tmp_path):
    import transformers
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    source = write_onnx_folder(tmp_path / "source")
    own = Tokenizer.from_file(str(source / "tokenizer.json"))
    saved = PreTrainedTokenizerFast(tokenizer_object=own, pad_token="[PAD]", additional_special_tokens=["[SEP]"])
    saved.save_pretrained(source)
    if not transformers.__version__.startswith("4."):
        assert "TokenizersBackend" in (source / "tokenizer_config.json").read_text(), "there is something to rename"
    folder = make(source, tmp_path / "bundle")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert settings["additional_special_tokens"] == ["[SEP]"]
    assert "extra_special_tokens" not in settings
    text = "my money back"
    assert AutoTokenizer.from_pretrained(folder)(text)["input_ids"] == runtime.load(folder).encode(text)[0]["input_ids"]
