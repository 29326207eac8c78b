"""Words and tags aligned to tokens: against transformers' own word ids, through truncation, batches and back."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.data import Encoded, encode
from compactor.data.encoding_words import first_tokens
from compactor.data.ragged import Ragged
from compactor.data.rows import Rows

pa = pytest.importorskip("pyarrow")
tokenizers = pytest.importorskip("tokenizers")

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefgh.,", *("##" + letter for letter in "abcdefgh")]


def make_tokenizer(byte_level=False):
    if byte_level:
        own = tokenizers.Tokenizer(tokenizers.models.BPE())
        own.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
        trainer = tokenizers.trainers.BpeTrainer(initial_alphabet=alphabet, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
        own.train_from_iterator(["abc def", " abc cab"] * 3, trainer)
    else:
        own = tokenizers.Tokenizer(tokenizers.models.WordPiece({word: n for n, word in enumerate(PIECES)}, unk_token="[UNK]"))
        own.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    own.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return own


def rows_of(sentences, seed=0):
    tags = np.random.default_rng(seed).integers(0, 5, sum(map(len, sentences)))
    offsets = np.cumsum([0, *map(len, sentences)])
    batch = pa.record_batch({"text": pa.array(["\x1f".join(words) for words in sentences], pa.large_string())})
    return Rows((batch,), Ragged(tags, offsets), np.arange(len(sentences)))


def random_sentences(count, seed=0):
    rng = np.random.default_rng(seed)
    letters = [*"abcdefgh", "a.", "b,c"]
    return [["".join(rng.choice(letters, size=rng.integers(1, 5))) for _ in range(rng.integers(0, 12))] for _ in range(count)]


@pytest.mark.parametrize("byte_level", [False, True])
@pytest.mark.parametrize("longest", [8, 64])
def test_labels_stand_where_transformers_puts_them(tmp_path, byte_level, longest):
    transformers = pytest.importorskip("transformers")
    tokenizer, sentences = make_tokenizer(byte_level), random_sentences(60)
    rows = rows_of(sentences)
    encode(rows, tokenizer, longest, tmp_path / "encoded")
    encoded = Encoded(tmp_path / "encoded", pad_id=0)
    known = make_tokenizer(byte_level)
    if byte_level:
        known.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=True)
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=known, pad_token="[PAD]")
    for row, words in enumerate(sentences):
        theirs = fast(words, is_split_into_words=True, truncation=True, max_length=longest)
        expected, before = [], None  # as transformers' own example of token classification labels the tokens
        for word in theirs.word_ids():
            expected.append(-100 if word is None or word == before else int(rows.tags[np.array([row])].values[word]))
            before = word
        batch = encoded.batch(np.array([row]))
        assert batch["input_ids"][0].tolist() == theirs["input_ids"]
        assert batch["labels"][0].tolist() == expected


def test_answers_go_back_to_their_words(tmp_path):
    sentences = [["ab", "c"], [], ["a", "bcdefgh", "c"], ["\u200b", "d"]]
    rows = rows_of(sentences)
    encode(rows, make_tokenizer(), 8, tmp_path)
    encoded = Encoded(tmp_path, pad_id=0)
    assert encoded.answers == rows.answers == 7
    batch = encoded.batch(np.array([2, 0]))
    output = np.arange(2 * batch["input_ids"].shape[1] * 3, dtype=np.float32).reshape(2, -1, 3)
    places = encoded.answer_rows(np.array([2, 0]))
    # [CLS] a b ##c ##d ##e ##f [SEP]: the last word of row 2 is cut off.
    assert places.tolist() == [2, 3, 0, 1]
    assert encoded.gather(output, np.array([2, 0])).tolist() == [*output[0, [1, 2]].tolist(), *output[1, [1, 3]].tolist()]
    kept = batch["labels"][batch["labels"] >= 0]
    assert kept.tolist() == rows.tags.values[places].tolist()
    assert np.array_equal(encoded.labels, rows.labels)


def test_a_whole_text_has_one_answer(tmp_path):
    batch = pa.record_batch({"text": pa.array(["a b", "c"], pa.large_string())})
    encode(Rows((batch,), np.array([[0.5], [2.0]]), np.arange(2)), make_tokenizer(), 8, tmp_path)
    encoded = Encoded(tmp_path, pad_id=0)
    assert encoded.answer_rows(np.array([1, 0])).tolist() == [1, 0]
    assert encoded.batch(np.array([1]))["labels"].tolist() == [[2.0]]
    assert encoded.labels.dtype == np.float32


def test_first_tokens():
    assert first_tokens([None, 0, 0, 2, None]) == [-1, 0, -1, 2, -1]
