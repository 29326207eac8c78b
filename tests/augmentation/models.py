"""Tiny masked language models on disk, with words that can be told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compactor.models.wordpiece import SPECIAL_PIECES

WORDS = ("red", "green", "blue", "apple", "pear", "plum", "eat", "see", "##s", "##ing", "7", "?", "a", "##b")


def write_masked_model(folder: Path, *, head: bool = True) -> Any:
    """Save a random BertForMaskedLM (or a BertModel) with a WordPiece tokenizer of these words; return it."""
    import torch
    from transformers import BertConfig, BertForMaskedLM, BertModel

    from compactor.models.tokenizer import write_tokenizer
    from compactor.models.wordpiece import finished

    torch.manual_seed(0)
    pieces = [*SPECIAL_PIECES, *WORDS]
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=16,
        initializer_range=0.5,
    )
    model = (BertForMaskedLM if head else BertModel)(config).eval()
    tokenizer = finished({piece: number for number, piece in enumerate(pieces)})
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    write_tokenizer(tokenizer, folder, settings={"tokenizer_class": "BertTokenizerFast", **names}, length=16, pad=0)
    model.save_pretrained(folder)
    return model
