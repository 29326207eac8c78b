"""Tiny model folders on disk, whole or broken in one way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.distillation import tiny

WORDS = ["red", "green", "blue", "apple", "pear", "plum", "eat", "see", "take", "##s", "##ing"]
LABELS = ("a", "b", "c")


def write_vocabulary(folder: Path) -> None:
    """Write the tokenizer files of a WordPiece vocabulary with fewer pieces than the tiny models have rows."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    from compactor.models.tokenizer import write_tokenizer
    from compactor.models.wordpiece import SPECIAL_PIECES

    vocabulary = {piece: number for number, piece in enumerate([*SPECIAL_PIECES, *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    write_tokenizer(tokenizer, folder, settings={"tokenizer_class": "BertTokenizerFast"}, length=32, pad=0)


def write_model(folder: Path, labels: tuple[str, ...] = LABELS, **shape: Any) -> Any:
    """Save a tiny classifier as transformers does, with a tokenizer; return the model."""
    folder.mkdir(parents=True, exist_ok=True)
    model = tiny.model(1, **shape)
    model.config.id2label, model.config.label2id = (
        dict(enumerate(labels)),
        {label: number for number, label in enumerate(labels)},
    )
    model.save_pretrained(folder)
    write_vocabulary(folder)
    return model


def answers(model: Any) -> Any:
    """Return logits for three short rows."""
    import torch

    ids = torch.tensor([[2, 5, 6, 3], [2, 7, 8, 3], [2, 9, 3, 0]])
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=(ids != 0).long()).logits
