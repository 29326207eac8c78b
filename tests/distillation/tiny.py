"""A tiny classifier and tiny encoded rows, made alike in a test and in the processes that a test starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

LABELS, PIECES = 3, 60


def rows(folder: Path, count: int = 60, seed: int = 0, *, unlabelled: float = 0.0) -> Any:
    """Write encoded rows whose label is told by one of their pieces; return them. A share may have no label (-100)."""
    from compactor.data import Encoded

    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    lengths = generator.integers(3, 9, count)
    labels = generator.integers(0, LABELS, count)
    ids = [
        np.concatenate([[2, 10 + label], generator.integers(20, 40, size - 2)])
        for size, label in zip(lengths, labels, strict=True)
    ]
    np.save(folder / "ids.npy", np.concatenate(ids).astype(np.int32))
    np.save(folder / "offsets.npy", np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
    np.save(folder / "first.npy", lengths.astype(np.int32))
    kept = np.where(generator.random(count) < unlabelled, -100, labels) if unlabelled else labels
    np.save(folder / "labels.npy", kept.astype(np.int64))
    return Encoded(folder, 0)


def model(seed: int = 0, *, layers: int = 2, hidden: int = 16, heads: int = 2, dropout: float = 0.1, kind: str = "bert") -> Any:
    """Build a random classifier of one family, in eval()."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    torch.manual_seed(seed)
    common = {
        "vocab_size": PIECES,
        "max_position_embeddings": 40,
        "num_labels": LABELS,
        "pad_token_id": 0,
        "initializer_range": 0.2,
    }
    if kind == "distilbert":
        own = {
            "dim": hidden,
            "n_layers": layers,
            "n_heads": heads,
            "hidden_dim": 32,
            "dropout": dropout,
            "attention_dropout": dropout,
        }
    else:
        own = {
            "hidden_size": hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": 32,
            "hidden_dropout_prob": dropout,
            "attention_probs_dropout_prob": dropout,
            "type_vocab_size": 1 if kind == "roberta" else 2,
            **({"embedding_size": 8} if kind == "electra" else {}),
        }
    config = AutoConfig.for_model(kind, **common, **own)
    return AutoModelForSequenceClassification.from_config(config, attn_implementation="eager").float().eval()
