"""Spans of a text: the rules are seqeval's, the places are those of transformers' own pipeline."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from compactor.runtime.spans import find_spans, read_tag, spans_of
from compactor.runtime.texts import Tokens

seqeval = pytest.importorskip("seqeval.metrics.sequence_labeling")
TAGS = ["O", *(f"{place}-{kind}" for kind in ("PER", "LOC") for place in "BIES")]


@pytest.mark.parametrize("tags", [TAGS, [tag for tag in TAGS if tag[0] in "OBI"]])
@pytest.mark.parametrize("seed", range(20))
def test_spans_are_seqevals(seed, tags):
    given = list(np.random.default_rng(seed).choice(tags, size=30))
    parts = [read_tag(tag, plain=False) for tag in given]
    assert [(parts[first][1], first, last) for first, last in spans_of(parts)] == seqeval.get_entities(given)


def tokens_of(text, words):
    """Return tokens cut in halves, between special ones."""
    offsets, word_ids, end = [(0, 0)], [None], 0
    for number, word in enumerate(words):
        start = text.index(word, end)
        end = start + len(word)
        middle = start + max(1, len(word) // 2)
        halves = [(start, middle), (middle, end)] if middle < end else [(start, end)]
        offsets += halves
        word_ids += [number] * len(halves)
    encoding = SimpleNamespace(offsets=[*offsets, (0, 0)], word_ids=[*word_ids, None])
    return Tokens(text, encoding, {"input_ids": [0] * len(encoding.offsets)})


def test_a_word_has_the_tag_of_its_first_token_and_a_span_the_mean_of_its_words():
    labels = ("O", "B-LOC", "I-LOC")
    tokens = tokens_of("in  New York, ok", ["in", "New", "York", ",", "ok"])
    word_ids = tokens.encoding.word_ids
    logits = np.zeros((len(word_ids), 3), dtype=np.float32)
    logits[:, 0] = 5
    first = {word: word_ids.index(word) for word in (1, 2)}
    logits[first[1]], logits[first[2]] = [0, np.log(2), 0], [0, 0, np.log(6)]
    (span,) = find_spans(logits, labels, tokens)
    assert (span["label"], span["text"], span["start"], span["end"]) == ("LOC", "New York", 4, 12)
    assert span["score"] == pytest.approx((2 / 4 + 6 / 8) / 2)


def test_parts_of_speech_are_spans_of_one_word():
    tokens = tokens_of("so it is", ["so", "it", "is"])
    logits = np.eye(2, dtype=np.float32)[[0] * len(tokens.encoding.word_ids)] * 3
    assert [span["text"] for span in find_spans(logits, ("NOUN", "VERB"), tokens)] == ["so", "it", "is"]


def blank_tokenizers():
    """Yield tokenizers whose words begin with the blank before them: DeBERTa-v3's way, and that of Qwen2 and Llama 3."""
    pieces = [("<unk>", 0.0), *((f"▁{word}", -1.0) for word in ("I", "saw", "Paris", "today")), ("▁", -5.0)]
    metaspace = Tokenizer(models.Unigram(pieces, unk_id=0))
    metaspace.pre_tokenizer = pre_tokenizers.Metaspace()
    bytes_ = Tokenizer(models.BPE())
    bytes_.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    bytes_.train_from_iterator(["I saw Paris today"] * 20, trainer)
    bytes_.post_processor = processors.ByteLevel(trim_offsets=False)
    return [metaspace, bytes_]


@pytest.mark.parametrize("tokenizer", blank_tokenizers(), ids=["metaspace", "byte-level"])
@pytest.mark.parametrize("text", ["I saw Paris today", "I saw  Paris  today", "Paris"])
def test_a_blank_before_a_word_is_no_part_of_its_span(tokenizer, text):
    encoding = tokenizer.encode(text)
    place = text.index("Paris")
    meant = [start < place + 5 and end > place for start, end in encoding.offsets]
    logits = np.array([[0, 5] if each else [5, 0] for each in meant], dtype=np.float32)
    (span,) = find_spans(logits, ("O", "B-LOC"), Tokens(text, encoding, {}))
    assert (span["start"], span["end"], span["text"]) == (place, place + 5, "Paris")


@pytest.mark.parametrize("tokenizer", blank_tokenizers(), ids=["metaspace", "byte-level"])
def test_a_word_of_blanks_alone_is_no_span(tokenizer):
    encoding = tokenizer.encode("I  ")
    logits = np.array([[5, 0], *([0, 5] for _ in encoding.ids[1:])], dtype=np.float32)
    assert len(logits) > 1
    assert find_spans(logits, ("O", "B-LOC"), Tokens("I  ", encoding, {})) == []


def test_a_text_of_nothing_has_no_spans():
    assert find_spans(np.zeros((2, 3), dtype=np.float32), ("O", "B-A", "I-A"), tokens_of("", [])) == []


@pytest.mark.model
@pytest.mark.parametrize("text", ["EU rejects German call.", "Peter Blackburn, of New-York", "naïve Café ½  ok"])
def test_places_and_labels_are_those_of_transformers_pipeline(tmp_path, text):
    import torch
    from transformers import BertConfig, BertForTokenClassification, PreTrainedTokenizerFast, pipeline

    from tests.bundle.tiny import write_tokenizer

    tokenizer = write_tokenizer(tmp_path)
    tokenizer.no_padding()
    torch.manual_seed(4)
    labels = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(vocab_size=tokenizer.get_vocab_size(), id2label=dict(enumerate(labels)), initializer_range=1.0, **shape)
    model = BertForTokenClassification(config).eval()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_max_length=64)
    theirs = pipeline("token-classification", model=model, tokenizer=fast, aggregation_strategy="first")(text)
    encoding = tokenizer.encode(text)
    with torch.no_grad():
        logits = model(torch.tensor([encoding.ids])).logits[0].numpy()
    ours = find_spans(logits, labels, Tokens(text, encoding, {"input_ids": encoding.ids}))
    assert {(span["label"], span["start"], span["end"]) for span in ours} == {
        (span["entity_group"], span["start"], span["end"]) for span in theirs
    }
