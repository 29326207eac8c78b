"""A WordPiece vocabulary of one's own, trained on texts; the same texts give the same bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from compactor.models.tokenizer import write_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIAL_PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MOST_CHARACTERS = 1000
LONGEST_WORD = 100
LEAST_COUNT = 2
WORDS_A_LINE = 1000


def train_wordpiece(texts: Iterable[str], size: int, folder: Path, max_length: int) -> Tokenizer:
    """Train a lower-casing WordPiece vocabulary as BERT's, and write its tokenizer files.

    The tokenizers library numbers single characters in the order of a randomly seeded hash map, so that two processes give two
    vocabularies. Here the characters are given to it in order, and the rest of its training follows from them.

    Args:
        texts: the training texts, once through.
        size: pieces wanted, the five special ones included; a small corpus may give fewer.
        folder: where the tokenizer files go.
        max_length: written as `model_max_length`.
    """
    from tokenizers import Tokenizer, models, trainers

    words = _count_words(texts)
    characters = Counter(character for word, count in words.items() for character in set(word) for _ in range(min(count, 10)))
    alphabet = sorted(sorted(characters, key=lambda character: (-characters[character], character))[:MOST_CHARACTERS])
    given = [*SPECIAL_PIECES, *alphabet, *(f"##{character}" for character in alphabet)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=max(size, len(given)), special_tokens=given, min_frequency=LEAST_COUNT, show_progress=False
    )
    raw = _empty(Tokenizer(models.WordPiece(unk_token="[UNK]")))  # noqa: S106
    raw.train_from_iterator(_lines(words, set(alphabet)), trainer)
    pieces = sorted(raw.get_vocab().items(), key=lambda item: item[1])
    tokenizer = finished({piece: number for number, (piece, _) in enumerate(pieces[: max(size, len(SPECIAL_PIECES))])})
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    settings = {"tokenizer_class": "BertTokenizerFast", "do_lower_case": True, **names}
    write_tokenizer(tokenizer, folder, settings=settings, length=max_length, pad=0)
    return tokenizer


def finished(vocabulary: dict[str, int]) -> Tokenizer:
    """Return a whole tokenizer, as BERT's, of a vocabulary that begins with the special pieces."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, processors

    tokenizer = _empty(Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=LONGEST_WORD)))  # noqa: S106
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    tokenizer.add_special_tokens([AddedToken(piece, normalized=False, special=True) for piece in SPECIAL_PIECES])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(piece, vocabulary[piece]) for piece in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def _empty(tokenizer: Tokenizer) -> Tokenizer:
    from tokenizers import normalizers, pre_tokenizers

    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def _count_words(texts: Iterable[str]) -> Counter[str]:
    """Count the words as the tokenizer will see them: normalised, split at blanks and punctuation."""
    from tokenizers import normalizers, pre_tokenizers

    normalizer, splitter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    words: Counter[str] = Counter()
    for text in texts:
        words.update(word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    return words


def _lines(words: Counter[str], alphabet: set[str]) -> Iterator[str]:
    """Yield each word as often as it occurs; words with a character that gets no piece teach nothing and are left out."""
    for word in sorted(words):
        if len(word) <= LONGEST_WORD and alphabet.issuperset(word):
            for start in range(0, words[word], WORDS_A_LINE):
                yield " ".join([word] * min(WORDS_A_LINE, words[word] - start))
