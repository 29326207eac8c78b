"""Tiny random encoders of each family, small batches, and a small WordPiece tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

FAMILIES = ("bert", "distilbert", "roberta", "electra")
DECODERS = ("llama", "qwen2")
PIECES, LABELS = 60, 3
TRAIN = [
    "how do i cancel my card",
    "my card was stolen",
    "cancel the transfer please",
    "where is my new card",
    "please stop the transfer",
]
OTHER = ["stolen transfers and newer cards", "zebra quiz", "the café is new", "42 cards"]


def model(kind: str = "bert", *, layers: int = 3, pieces: int = PIECES, seed: int = 0) -> Any:
    """Build a random classifier in eval(); its weights are spread widely enough that every part matters."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    torch.manual_seed(seed)
    common = {"vocab_size": pieces, "max_position_embeddings": 40, "num_labels": LABELS, "pad_token_id": 0}
    if kind == "distilbert":
        own = {"dim": 32, "n_layers": layers, "n_heads": 4, "hidden_dim": 64}
    else:
        own = {"hidden_size": 32, "num_hidden_layers": layers, "num_attention_heads": 4, "intermediate_size": 64}
        own |= {"embedding_size": 16} if kind == "electra" else {}
        own |= {"num_key_value_heads": 2} if kind in DECODERS else {}
    config = AutoConfig.for_model(kind, **common, **own)
    built = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager").float().eval()
    for parameter in built.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    return built


def batches(count: int = 3, *, pieces: int = PIECES, seed: int = 0, pad: int | None = None) -> list[dict[str, np.ndarray]]:
    """Make padded batches of random pieces; the padding holds a piece that would show if it were looked at.

    A decoder finds its last piece by looking for the padding piece, so it needs that one: `pad=0`.
    """
    generator = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        lengths = generator.integers(4, 13, 8)
        mask = np.arange(lengths.max())[None, :] < lengths[:, None]
        ids = np.where(mask, generator.integers(5, pieces - 1, mask.shape), pieces - 1 if pad is None else pad)
        made.append({"input_ids": ids.astype(np.int64), "attention_mask": mask.astype(np.int64)})
    return made


def logits(built: Any, given: list[dict[str, np.ndarray]]) -> np.ndarray:
    """Return a model's answers to batches, end to end."""
    from compactor.pruning.activations import run_model

    return np.concatenate([run_model(built, batch).numpy() for batch in given])


def tokenizer(folder: Path, *, fixed_padding: bool = True) -> Path:
    """Write a WordPiece tokenizer with what real ones have: spare places, characters, fixed padding, ids in its post-processor."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    special = ["[PAD]", *(f"[unused{number}]" for number in range(5)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    characters = list("abcdefghijklmnopqrstuvwxyz0123456789")
    words = [
        "the",
        "card",
        "##s",
        "transfer",
        "my",
        "cancel",
        "how",
        "do",
        "please",
        "stolen",
        "was",
        "where",
        "is",
        "new",
        "##er",
    ]
    words += ["stop", "zebra", "quiz", "and", "cafe", "42", "##olen", "st"]
    pieces = special + characters + [f"##{character}" for character in characters] + words
    pieces = list(dict.fromkeys(pieces))
    made = Tokenizer(models.WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece(prefix="##")
    placed = [(token, pieces.index(token)) for token in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=placed
    )
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    if fixed_padding:
        made.enable_padding(length=32)
        made.enable_truncation(32)
    folder.mkdir(parents=True, exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    decoder = '{"6": {"content": "[UNK]"}, "7": {"content": "[CLS]"}}'
    settings = '{"pad_token": "[PAD]", "unk_token": "[UNK]", "model_max_length": 32, "added_tokens_decoder": ' + decoder + "}"
    (folder / "tokenizer_config.json").write_text(settings)
    return folder


def encode(folder: Path, texts: list[str]) -> dict[str, np.ndarray]:
    """Encode texts as one padded batch."""
    from compactor.models.tokenizer import load_tokenizer, pad_id

    read = load_tokenizer(folder)
    read.enable_padding(pad_id=pad_id(folder))
    found = read.encode_batch(texts)
    return {
        "input_ids": np.array([encoding.ids for encoding in found], dtype=np.int64),
        "attention_mask": np.array([encoding.attention_mask for encoding in found], dtype=np.int64),
    }
