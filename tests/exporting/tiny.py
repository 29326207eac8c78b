"""Tiny random classifiers of four families, saved as torch folders, and rows for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

FAMILIES = ("bert", "distilbert", "roberta", "electra")
LABELS = ("card", "refund", "transfer")
PIECES, LONGEST, PAD = 90, 32, 0


def save_model(folder: Path, kind: str = "bert", *, seed: int = 0, std: float = 0.3) -> Path:
    """Save a random model with its tokenizer; weights are so large that each part of the graph matters to the answer."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    from compactor.models import save

    torch.manual_seed(seed)
    common = {"vocab_size": PIECES, "max_position_embeddings": 40, "num_labels": len(LABELS), "pad_token_id": PAD}
    if kind == "distilbert":
        own: dict[str, Any] = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}
    else:
        own = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    own |= {"embedding_size": 16} if kind == "electra" else {}
    own |= {"type_vocab_size": 1} if kind == "roberta" else {}
    model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(kind, **common, **own)).float().eval()
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=std)
        elif name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1)
    folder.mkdir(parents=True, exist_ok=True)
    save(model, _tokenizer(folder.parent / f"{folder.name}-tokenizer"), folder, labels=LABELS)
    return folder


class Rows:
    """Encoded rows without a data room: random pieces of random lengths, the second half of a row its second sentence if `pair`."""

    def __init__(self, count: int = 40, *, pair: bool = False, seed: int = 0) -> None:
        generator = np.random.default_rng(seed)
        self.lengths = generator.integers(3, 20, count)
        self._ids = [generator.integers(5, PIECES, length) for length in self.lengths]
        self._pair = pair

    def __len__(self) -> int:
        return len(self._ids)

    def batch(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Return int64 (rows, longest) inputs."""
        longest = int(self.lengths[indices].max())
        ids = np.full((len(indices), longest), PAD, dtype=np.int64)
        mask, types = np.zeros_like(ids), np.zeros_like(ids)
        for row, index in enumerate(indices):
            own = len(self._ids[index])
            ids[row, :own], mask[row, :own] = self._ids[index], 1
            types[row, own // 2 : own] = int(self._pair)
        return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}


def _tokenizer(folder: Path) -> Path:
    from tokenizers import Tokenizer, models, pre_tokenizers

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{number}" for number in range(5, PIECES))]
    tokenizer = Tokenizer(models.WordLevel({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = f'{{"pad_token": "[PAD]", "unk_token": "[UNK]", "model_max_length": {LONGEST}}}'
    (folder / "tokenizer_config.json").write_text(settings)
    return folder
