"""A smaller vocabulary: the same pieces and answers for kept texts, shorter pieces for others, no new unknowns."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tokenizers import Tokenizer, models

from compactor.base.errors import StageError
from compactor.models.tokenizer import load_tokenizer
from compactor.pruning.vocabulary import choose_pieces, compare_encodings, count_pieces
from compactor.pruning.wordpiece import WordPieceFile, write_smaller_tokenizer
from compactor.tasks.text_classification import TextClassification
from tests.pruning import tiny


@pytest.fixture
def source(tmp_path):
    return tiny.tokenizer(tmp_path / "source")


def smaller(source, keep=None, characters="all"):
    """Cut the tokenizer to what the train texts use; return (folder, choice)."""
    file = WordPieceFile(source)
    choice = choose_pieces(file, count_pieces([tiny.encode(source, tiny.TRAIN)], file.size), keep, characters)
    folder = source.parent / "smaller"
    folder.mkdir()
    write_smaller_tokenizer(source, folder, choice.kept)
    return folder, choice


def pieces(folder, texts):
    return [encoding.tokens for encoding in load_tokenizer(folder).encode_batch(texts)]


def test_train_texts_are_cut_into_the_same_pieces_and_ids_mean_the_same(source):
    folder, choice = smaller(source)
    assert pieces(folder, tiny.TRAIN) == pieces(source, tiny.TRAIN)
    before, after = load_tokenizer(source), load_tokenizer(folder)
    assert [after.id_to_token(new) for new in range(len(choice.kept))] == [before.id_to_token(int(old)) for old in choice.kept]
    old, new = tiny.encode(source, tiny.TRAIN), tiny.encode(folder, tiny.TRAIN)
    assert np.array_equal(choice.kept[new["input_ids"]], old["input_ids"])
    assert before.decode(old["input_ids"][0].tolist()) == after.decode(new["input_ids"][0].tolist())


def test_words_not_seen_fall_back_on_shorter_pieces_and_are_never_unknown(source):
    folder, _ = smaller(source)
    (tokens,) = pieces(folder, ["zebra"])
    assert tokens == ["[CLS]", "z", "##e", "##b", "##r", "##a", "[SEP]"]
    assert pieces(source, ["zebra"]) == [["[CLS]", "zebra", "[SEP]"]]
    assert not any("[UNK]" in tokens for tokens in pieces(folder, tiny.OTHER))
    # only words that used a piece which is gone are read otherwise
    assert pieces(folder, ["where is my zebra"])[0][:4] == pieces(source, ["where is my zebra"])[0][:4]


def test_pairs_keep_their_separators(source):
    folder, _ = smaller(source)
    given = ("my card", "the transfer")
    old, new = load_tokenizer(source).encode(*given), load_tokenizer(folder).encode(*given)
    assert (new.tokens, new.type_ids) == (old.tokens, old.type_ids)
    assert new.tokens.count("[SEP]") == 2


def test_special_tokens_stay_spare_places_go_and_nothing_is_padded(source):
    folder, choice = smaller(source)
    content = json.loads((folder / "tokenizer.json").read_text())
    names = [entry["content"] for entry in content["added_tokens"]]
    assert names == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    for entry in content["added_tokens"]:
        assert content["model"]["vocab"][entry["content"]] == entry["id"]
    assert not any("unused" in piece for piece in content["model"]["vocab"])
    assert content["padding"] is None
    assert content["truncation"] is None
    assert (folder / "vocab.txt").read_text().splitlines() == sorted(
        content["model"]["vocab"], key=content["model"]["vocab"].get
    )
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    assert settings["added_tokens_decoder"] == {"1": {"content": "[UNK]"}, "2": {"content": "[CLS]"}}
    assert settings["model_max_length"] == 32
    assert sorted(content["model"]["vocab"].values()) == list(range(len(choice.kept)))


def test_room_that_is_left_goes_to_the_lowest_ids_and_the_rarest_used_pieces_go_first(source):
    file = WordPieceFile(source)
    counts = count_pieces([tiny.encode(source, tiny.TRAIN)], file.size)
    must = len(np.union1d(file.special, file.characters))
    everything = choose_pieces(file, counts)
    more = choose_pieces(file, counts, len(everything.kept) + 1)
    (extra,) = set(more.kept.tolist()) - set(everything.kept.tolist())
    unseen = [number for piece, number in file.pieces.items() if not counts[number] and not piece.startswith("[unused")]
    assert extra == min(set(unseen) - set(everything.kept.tolist()))
    fewer = choose_pieces(file, counts, must + 2)
    assert fewer.used_dropped == everything.used - 2 - len(set(np.flatnonzero(counts)) & set(file.characters.tolist()))
    words = set(fewer.kept.tolist()) - set(file.special.tolist()) - set(file.characters.tolist())
    assert words == {file.pieces["card"], file.pieces["my"]}


def test_only_characters_of_the_texts_can_be_kept(source):
    folder, choice = smaller(source, characters="used")
    assert len(choice.kept) < len(choose_pieces(WordPieceFile(source), np.zeros(choice.size_before, int)).kept)
    assert pieces(folder, tiny.TRAIN) == pieces(source, tiny.TRAIN)
    assert pieces(folder, ["dacr"]) == [["[CLS]", "d", "##a", "##c", "##r", "[SEP]"]]
    assert pieces(folder, ["42"]) == [["[CLS]", "[UNK]", "[SEP]"]]


def test_characters_of_the_texts_scripts_stay_whether_they_were_used_or_not(tmp_path):
    characters = ["a", "b", "é", "ж", "д", "水", "7", "!", "€", "ß"]
    pieces = ["[PAD]", "[UNK]", *characters, *(f"##{one}" for one in characters), "ab", "bé"]
    made = Tokenizer(models.WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]"))
    made.add_special_tokens(["[PAD]", "[UNK]"])
    made.save(str(tmp_path / "tokenizer.json"))
    file = WordPieceFile(tmp_path)
    counts = np.zeros(file.size, int)
    counts[[file.pieces["ab"], file.pieces["bé"]]] = 5000
    counts[file.pieces["水"]] = 1  # a stray sign does not bring its script

    def kept(choice: str) -> set[str]:
        names = {number: piece for piece, number in file.pieces.items()}
        return {names[int(number)] for number in choose_pieces(file, counts, characters=choice).kept} - {"ab", "bé"}

    ours = {"a", "b", "é", "7", "!", "ß", "水"}  # Latin, ASCII, and what occurs
    assert {piece.removeprefix("##") for piece in kept("scripts") if not piece.startswith("[")} == ours
    assert {f"##{one}" for one in ours} <= kept("scripts")
    assert {piece for piece in kept("used") if not piece.startswith(("[", "##"))} == {"a", "b", "é", "水"}
    assert len(kept("all")) - len(kept("scripts")) == 2 * len({"ж", "д", "€"})


def test_a_number_too_small_for_the_characters_is_refused(source):
    file = WordPieceFile(source)
    with pytest.raises(StageError, match="single characters alone are"):
        choose_pieces(file, np.zeros(file.size, int), 20)


def test_a_number_that_the_tokenizer_does_not_have_keeps_all(source):
    file = WordPieceFile(source)
    assert choose_pieces(file, np.zeros(file.size, int), 10_000).kept.tolist() == list(range(file.size))


def test_other_kinds_of_tokenizer_are_refused(source):
    content = json.loads((source / "tokenizer.json").read_text())
    content["model"] = {"type": "BPE", "vocab": {}, "merges": []}
    (source / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(StageError, match="is BPE"):
        WordPieceFile(source)
    (source / "tokenizer.json").unlink()
    with pytest.raises(StageError, match=r"there is no .*tokenizer.json"):
        WordPieceFile(source)


def test_what_it_costs_is_counted(source):
    folder, choice = smaller(source, characters="used")
    texts = ["my card", "zebra card", "42"]
    old, new = WordPieceFile(source), WordPieceFile(folder)
    encoded = [[tiny.encode(place, texts)] for place in (source, folder)]
    cost = compare_encodings(*encoded, choice.kept, old.unknown, new.unknown)
    assert cost["texts_changed"] == pytest.approx(2 / 3)
    assert cost["unknown_before"] == 0
    # zebra has no z, so that both words are unknown; the pieces are 4 + 4 + 3 before and after
    assert cost["unknown_after"] == pytest.approx(2 / 11)
    assert cost["length_ratio"] == 1.0


@pytest.mark.model
@pytest.mark.parametrize("family", ["bert", "distilbert", "electra"])
def test_a_model_answers_kept_texts_to_the_bit_as_before_and_reloads(family, source, tmp_path):

    from compactor.models import load, save
    from compactor.pruning.prediction import predicted_parameters
    from compactor.pruning.vocabulary import prune_vocabulary

    size = WordPieceFile(source).size
    model = tiny.model(family, pieces=size)
    before = tiny.logits(model, [tiny.encode(source, tiny.TRAIN)])
    folder = tmp_path / "smaller"
    folder.mkdir()
    expected = predicted_parameters(model, pieces=size - 10)
    choice = prune_vocabulary(model, source, folder, [tiny.encode(source, tiny.TRAIN)], size - 10)
    assert len(choice.kept) == model.config.vocab_size == size - 10
    assert sum(parameter.numel() for parameter in model.parameters()) == expected
    assert model.get_input_embeddings().padding_idx == model.config.pad_token_id == 0
    assert np.array_equal(tiny.logits(model, [tiny.encode(folder, tiny.TRAIN)]), before)
    save(model, folder, folder, labels=("a", "b", "c"))
    again = load(folder, TextClassification())
    assert np.array_equal(tiny.logits(again, [tiny.encode(folder, tiny.TRAIN)]), before)


@pytest.mark.model
def test_a_model_that_counts_positions_from_a_padding_id_that_moves_is_refused(source):
    from compactor.pruning.vocabulary import cut_embeddings

    model = tiny.model("roberta", pieces=60)
    model.get_input_embeddings().padding_idx = 3
    for module in model.modules():
        if hasattr(module, "position_embeddings"):
            module.position_embeddings.padding_idx = 3
    with pytest.raises(StageError, match="counts positions"):
        cut_embeddings(model, np.arange(2, 50))
