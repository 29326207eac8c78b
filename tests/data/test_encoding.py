"""Tokenized rows: the same ids as one text at a time, and batches padded rightly."""

from __future__ import annotations

import time

import numpy as np
import pytest

from compactor.data import Encoded, encode
from compactor.data.rows import Rows

pa = pytest.importorskip("pyarrow")
tokenizers = pytest.importorskip("tokenizers")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefgh", *("##" + letter for letter in "abcdefgh")]


@pytest.fixture
def tokenizer():
    own = tokenizers.Tokenizer(tokenizers.models.WordPiece({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    own.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    own.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return own


def rows_of(texts, pairs=None):
    columns = {"text": pa.array(texts, pa.large_string())} | ({"pair": pa.array(pairs, pa.large_string())} if pairs else {})
    return Rows((pa.record_batch(columns),), np.arange(len(texts)) % 2, np.arange(len(texts)))


def random_texts(count, seed=0):
    rng = np.random.default_rng(seed)
    return [" ".join("".join(rng.choice(list("abcdefgh"), size=3)) for _ in range(rng.integers(0, 9))) for _ in range(count)]


@pytest.mark.parametrize("pair", [False, True])
def test_same_ids_as_one_by_one(tokenizer, tmp_path, pair):
    texts, pairs = random_texts(2500), random_texts(2500, 1) if pair else None
    encode(rows_of(texts, pairs), tokenizer, 12, tmp_path / "encoded")
    encoded = Encoded(tmp_path / "encoded", pad_id=0)
    assert len(encoded) == 2500
    tokenizer.enable_truncation(12)
    for row in (0, 1, 999, 1000, 2499):
        expected = tokenizer.encode(texts[row], pairs[row] if pairs else None)
        batch = encoded.batch(np.array([row]))
        assert batch["input_ids"][0].tolist() == expected.ids
        assert batch["token_type_ids"][0].tolist() == expected.type_ids
        assert encoded.lengths[row] == len(expected.ids) <= 12


def test_batch_is_padded_on_the_right(tokenizer, tmp_path):
    encode(rows_of(["a b c", "a", ""]), tokenizer, 12, tmp_path)
    batch = Encoded(tmp_path, pad_id=7).batch(np.array([1, 0, 2]))
    assert batch["input_ids"].tolist() == [[2, 4, 3, 7, 7], [2, 4, 5, 6, 3], [2, 3, 7, 7, 7]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1] * 5, [1, 1, 0, 0, 0]]
    assert batch["labels"].tolist() == [1, 0, 0]
    assert {value.dtype for value in batch.values()} == {np.dtype(np.int64)}


def test_second_segment_ends_where_padding_begins(tokenizer, tmp_path):
    encode(rows_of(["a", "a b"], ["c", "c d e"]), tokenizer, 12, tmp_path)
    assert Encoded(tmp_path, 0).batch(np.array([0, 1]))["token_type_ids"].tolist() == [
        [0, 0, 0, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 1, 1, 1, 1],
    ]


def test_what_the_tokenizer_was_set_to_does_not_matter_and_stays(tokenizer, tmp_path):
    encode(rows_of(["a b c"]), tokenizer, 12, tmp_path / "plain")
    tokenizer.enable_padding(length=128)
    tokenizer.enable_truncation(3)
    encode(rows_of(["a b c"]), tokenizer, 12, tmp_path / "set")
    assert (tmp_path / "plain" / "ids.npy").read_bytes() == (tmp_path / "set" / "ids.npy").read_bytes()
    assert tokenizer.truncation["max_length"] == 3
    assert tokenizer.padding["length"] == 128


def test_files_are_plain_npy_and_the_same_each_time(tokenizer, tmp_path):
    for name in ("one", "two"):
        encode(rows_of(random_texts(1500)), tokenizer, 12, tmp_path / name)
    for file in sorted(path.name for path in (tmp_path / "one").iterdir()):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    ids, offsets = (np.load(tmp_path / "one" / f"{name}.npy", mmap_mode="r") for name in ("ids", "offsets"))
    assert (ids.dtype, offsets.dtype) == (np.int32, np.int64)
    assert len(ids) == offsets[-1]


def test_no_rows(tokenizer, tmp_path):
    encode(rows_of([]), tokenizer, 12, tmp_path)
    assert len(Encoded(tmp_path, 0)) == 0


def test_ten_megabytes_are_cut_before_they_are_tokenized(tokenizer, tmp_path):
    texts = ["a " * 5_000_000] * 4
    start = time.process_time()
    encode(rows_of(texts), tokenizer, 128, tmp_path)
    assert Encoded(tmp_path, 0).lengths.tolist() == [128] * 4
    assert time.process_time() - start < 20  # whole, it takes minutes


def test_disk_full_is_told(tokenizer, tmp_path, monkeypatch):
    import errno

    from compactor.base.errors import StageError

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(StageError, match="the disk is full"):
        encode(rows_of(["a"]), tokenizer, 12, tmp_path)
