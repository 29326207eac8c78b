"""Words put in by a masked language model or by embeddings are those that the model itself would name."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.augmentation.corpus import Corpus
from compactor.augmentation.operations import Text, parse_noise
from compactor.base.errors import StageError
from compactor.models.wordpiece import SPECIAL_PIECES
from tests.augmentation.conftest import rows_of
from tests.augmentation.models import WORDS, write_masked_model

pytestmark = pytest.mark.model
WHOLE = {word for word in WORDS if word.isalpha()}
TEXT = ("Red", "apples", "see", "plum?", "7")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("mlm")


@pytest.fixture(scope="module")
def model(folder):
    return write_masked_model(folder)


def opened(folder, name, **options):
    corpus = Corpus(rows_of(["a text"]), teacher=folder)
    (term,) = parse_noise([{name: options}])
    return term.operation.open(corpus)


def test_candidates_are_the_words_that_the_model_ranks_highest_where_the_word_is_hidden(folder, model):
    import torch

    from compactor.augmentation.masked_model import MaskedModel

    found = MaskedModel(folder, 4).candidates(TEXT)
    number = {piece: place for place, piece in enumerate([*SPECIAL_PIECES, *WORDS])}
    ids = [number[p] for p in ("[CLS]", "red", "apple", "##s", "see", "plum", "?", "7", "[SEP]")]
    for word, place in ((0, 1), (2, 4)):
        hidden = torch.tensor([[*ids[:place], number["[MASK]"], *ids[place + 1 :]]])
        with torch.no_grad():
            logits = model(input_ids=hidden).logits[0, place]
        ranked = sorted(WHOLE - {TEXT[word].lower()}, key=lambda other: -logits[number[other]].item())
        assert list(found[word]) == ranked[:4]
    assert found[4] == (), "a number has no candidates"


def test_a_word_of_several_pieces_has_the_nearest_words_to_its_mean(folder, model):
    from compactor.augmentation.masked_model import MaskedModel

    table = model.get_input_embeddings().weight.detach().numpy()
    number = {piece: place for place, piece in enumerate([*SPECIAL_PIECES, *WORDS])}

    def cosine(one, other):
        return one @ other / np.linalg.norm(one) / np.linalg.norm(other)

    mean = (table[number["apple"]] + table[number["##s"]]) / 2
    ranked = sorted(WHOLE, key=lambda word: -cosine(table[number[word]], mean))
    assert list(MaskedModel(folder, 3).candidates(TEXT)[1]) == ranked[:3]


def test_masked_replaces_by_candidates_alone_and_keeps_the_signs(folder, model):
    change = opened(folder, "masked", model=str(folder), share=0.5, candidates=3)
    made = [list(change(Text(TEXT), np.random.default_rng(number))) for number in range(60)]
    assert made == [list(change(Text(TEXT), np.random.default_rng(number))) for number in range(60)]
    for words in made:
        assert len(words) == len(TEXT)
        assert words[4] == "7"
        assert words[3].endswith("?")
        assert words != list(TEXT)
        assert all(word.strip("?") in WHOLE for word, old in zip(words, TEXT, strict=True) if word != old)
    assert len({tuple(words) for words in made}) > 15


def test_a_text_has_the_same_candidates_whatever_was_asked_before(folder, model):
    from compactor.augmentation.masked_model import MaskedModel

    given = MaskedModel(folder, 4)
    first = given.candidates(("red", "plum"))
    for number in range(10):
        given.candidates(("green", *["apple"] * number))
    assert given.candidates(("red", "plum")) == first


def test_long_texts_are_cut_to_what_the_model_reads(folder, model):
    from compactor.augmentation.masked_model import MaskedModel

    found = MaskedModel(folder, 2).candidates(("red", "plum") * 20)
    assert len(found) == 40
    assert all(found[:14])


def test_neighbours_are_the_nearest_words_by_cosine_of_the_teachers_embeddings(folder, model):
    change = opened(folder, "neighbours", candidates=1, share=1.0)
    table = model.get_input_embeddings().weight.detach().numpy()
    number = {piece: place for place, piece in enumerate([*SPECIAL_PIECES, *WORDS])}
    directions = {word: table[number[word]] / np.linalg.norm(table[number[word]]) for word in WHOLE}
    nearest = max(WHOLE - {"plum"}, key=lambda word: directions[word] @ directions["plum"])
    assert list(change(Text(("plum?", "7")), np.random.default_rng(0))) == [f"{nearest}?", "7"]


def test_a_model_without_a_head_is_refused_before_and_at_work(tmp_path):
    write_masked_model(tmp_path, head=False)
    (term,) = parse_noise([{"masked": {"model": str(tmp_path)}}])
    (sentence,) = term.operation.missing((tmp_path,))
    assert "BertModel" in sentence
    assert "no head that predicts masked words" in sentence
    with pytest.raises(StageError) as caught:
        term.operation.open(Corpus(rows_of(["a"])))
    assert caught.value.problem.code == "A111"


def test_a_head_that_lies_about_itself_is_refused_too(tmp_path):
    import json

    write_masked_model(tmp_path, head=False)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"architectures": ["BertForMaskedLM"]}))
    (term,) = parse_noise([{"masked": {"model": str(tmp_path)}}])
    assert not list(term.operation.missing((tmp_path,)))
    with pytest.raises(StageError, match="lacks weights of its head"):
        term.operation.open(Corpus(rows_of(["a"])))


def test_a_folder_that_is_not_there_is_told(tmp_path):
    (tmp_path / "models").mkdir()
    (term,) = parse_noise([{"masked": {"model": "models/bert"}}])
    assert "there is no folder models/bert" in next(term.operation.missing((tmp_path,)))
    (hub,) = parse_noise([{"masked": {"model": "google-bert/bert-base-uncased"}}])
    assert not list(hub.operation.missing((tmp_path,)))


def test_the_model_counts_by_its_content_and_not_by_its_path(folder, model, tmp_path):
    import shutil

    shutil.copytree(folder, tmp_path / "copy")
    terms = parse_noise([{"masked": {"model": str(folder)}}, {"masked": {"model": str(tmp_path / "copy")}}])
    here, there = (term.operation.fingerprint((tmp_path,)) for term in terms)
    assert here == there
    assert terms[0].key() == terms[1].key()
    (tmp_path / "copy" / "config.json").write_text("{}")
    assert terms[1].operation.fingerprint((tmp_path,)) != here


def test_byte_level_vocabularies_are_read_with_the_blank_before_a_word():
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    from compactor.augmentation.pieces import WholeWords

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<mask>"], show_progress=False
    )
    tokenizer.train_from_iterator(["red apples see green apples and red pears"] * 9, trainer)
    words = WholeWords(tokenizer)
    assert {"apples", "green"} <= set(words.written.values())
    assert "<mask>" not in words.written.values()
    assert all(tokenizer.id_to_token(number).startswith("Ġ") for number in words.written)
    (piece,) = words.pieces_of("apples")
    assert words.written[piece] == "apples"


def test_words_of_letters_that_are_several_bytes_are_written_as_letters():
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    from compactor.augmentation.pieces import WholeWords

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(["un país público y un corazón aquí"] * 9, trainer)
    written = set(WholeWords(tokenizer).written.values())
    assert {"país", "público", "corazón", "aquí"} <= written
    assert all(word.isascii() or set(word) & set("íúó") for word in written), "parts of letters are no letters"
