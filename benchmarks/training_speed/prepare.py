"""Write what all contenders read: the teacher, the student, and Banking77's training rows as token ids."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def main(data: Path, folder: Path) -> None:
    """Fill the folder with teacher/, student/, encoded/ (as compactor reads rows) and rows.npz (the same, flat)."""
    import torch
    from transformers import AutoModelForSequenceClassification

    from compactor.base.reporter import Reporter
    from compactor.data import DataSettings, encode, open_data
    from compactor.models.tokenizer import load_tokenizer

    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(
        data / "models/all-MiniLM-L6-v2", num_labels=77, attn_implementation="eager", dtype=torch.float32
    )
    model.save_pretrained(folder / "teacher")
    model.bert.encoder.layer = torch.nn.ModuleList([model.bert.encoder.layer[number] for number in (1, 3, 5)])
    model.config.num_hidden_layers = 3
    model.save_pretrained(folder / "student")
    settings = DataSettings(train=str(data / "data/banking77/train.csv"), label="category")
    opened = open_data(settings, near=(folder,), seed=0, cache=folder / "cache", online=False, reporter=Reporter())
    encode(opened.train, load_tokenizer(data / "models/all-MiniLM-L6-v2"), 128, folder / "encoded")
    parts = {name: np.load(folder / "encoded" / f"{name}.npy") for name in ("ids", "offsets", "labels")}
    np.savez(folder / "rows.npz", **parts)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
