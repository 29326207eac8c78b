"""Tokenizers: clean, complete, and with a padding piece."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from compactor.base.errors import StageError
from compactor.models import tokenizer as room
from tests.models.folders import write_vocabulary


def edit(path: Path, **changes: object) -> None:
    value = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({name: change for name, change in {**value, **changes}.items() if change is not None}))


def test_padding_and_truncation_in_the_file_are_forgotten_when_loaded_and_when_copied(tmp_path: Path) -> None:
    write_vocabulary(tmp_path)
    baked = room.load_tokenizer(tmp_path)
    baked.enable_padding(length=128)
    baked.enable_truncation(4)
    baked.save(str(tmp_path / "tokenizer.json"))
    assert len(room.load_tokenizer(tmp_path).encode("red green blue apple pear").ids) == 7
    room.copy_tokenizer(tmp_path, tmp_path / "copy", length=20)
    written = json.loads((tmp_path / "copy" / "tokenizer.json").read_text())
    assert written["padding"] is None
    assert written["truncation"] is None
    settings = json.loads((tmp_path / "copy" / "tokenizer_config.json").read_text())
    assert settings["model_max_length"] == 20
    assert settings["pad_token"] == "[PAD]"
    assert (tmp_path / "copy" / "vocab.txt").read_text().splitlines()[:6] == [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "red",
    ]


def test_the_most_pieces_are_what_the_tokenizer_says_and_the_positions_allow(tmp_path: Path) -> None:
    write_vocabulary(tmp_path)
    assert room.max_length(tmp_path) == 32
    edit(tmp_path / "config.json", max_position_embeddings=20, model_type="bert")
    assert room.max_length(tmp_path) == 20
    edit(tmp_path / "config.json", max_position_embeddings=514, model_type="roberta")
    edit(tmp_path / "tokenizer_config.json", model_max_length=1e30)
    assert room.max_length(tmp_path) == 512


def test_a_padding_piece_is_found_where_it_is_not_named(tmp_path: Path) -> None:
    write_vocabulary(tmp_path)
    assert room.pad_id(tmp_path) == 0
    edit(tmp_path / "tokenizer_config.json", pad_token={"content": "[MASK]"})
    assert room.pad_id(tmp_path) == 4
    edit(tmp_path / "tokenizer_config.json", pad_token=None)
    assert not room.has_pad_token(tmp_path)
    assert room.pad_id(tmp_path) == 0
    edit(tmp_path / "config.json", pad_token_id=3)
    assert room.pad_id(tmp_path) == 3


def test_without_any_padding_piece_the_end_of_text_pads_and_without_both_it_is_told(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models

    Tokenizer(models.WordLevel({"a": 0, "b": 1, "</s>": 2}, unk_token="a")).save(str(tmp_path / "tokenizer.json"))
    assert room.pad_id(tmp_path) == 2
    Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a")).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(StageError, match="no padding piece"):
        room.pad_id(tmp_path)


def test_a_broken_or_absent_tokenizer_is_told(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(StageError, match="cannot be read"):
        room.load_tokenizer(tmp_path)


@pytest.mark.model
def test_a_folder_without_tokenizer_json_is_converted_or_told(tmp_path: Path) -> None:
    write_vocabulary(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}')
    edit(tmp_path / "config.json", model_type="bert")
    assert room.load_tokenizer(tmp_path).encode("Red apples").tokens == ["[CLS]", "red", "apple", "##s", "[SEP]"]
    with pytest.raises(StageError, match=r"has no tokenizer\.json"):
        room.load_tokenizer(tmp_path / "nothing")


def test_a_trained_vocabulary_is_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from compactor.models.wordpiece import train_wordpiece\n"
        "texts = (f'The {a} of number {n} takes {n * 7} {b}s and returns a list' for n in range(400)"
        " for a, b in (('module', 'argument'), ('class', 'keyword')))\n"
        "train_wordpiece(texts, 300, Path(sys.argv[1]), 64)"
    )
    for name in ("one", "two"):
        environment = {**os.environ, "PYTHONHASHSEED": name and str(len(name) + ord(name[0])), "TOKENIZERS_PARALLELISM": "true"}
        (tmp_path / name).mkdir()
        subprocess.run([sys.executable, "-c", program, str(tmp_path / name)], check=True, env=environment)
    for file in ("tokenizer.json", "vocab.txt", "tokenizer_config.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    trained = room.load_tokenizer(tmp_path / "one")
    assert trained.get_vocab_size() <= 300
    assert trained.encode("The MODULE", "returns").tokens[0] == "[CLS]"
    assert trained.encode("the module", "returns").type_ids[-1] == 1
    assert room.max_length(tmp_path / "one") == 64
