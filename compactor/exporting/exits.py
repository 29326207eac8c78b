"""Early exits of a torch folder, as `distill` leaves them: read, and made further outputs of the graph."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from compactor.base.atomic import read_json
from compactor.base.errors import StageError

WEIGHTS, SHAPE = "exits.safetensors", "exits.json"
AXES = ("batch", "labels")


def exit_name(layer: int | str) -> str:
    """Return the name of the graph's output after a layer, from 1."""
    return f"exit_{layer}"


def read_exits(folder: Path) -> nn.ModuleDict:
    """Return the heads of a folder by layer, from the lowest.

    Raises:
        StageError: X280 the folder has none.
    """
    from safetensors.torch import load_file

    if not (folder / SHAPE).is_file():
        hint = "train them in the distill stage right before, exits: {layers: all}, or leave exits out of export"
        raise StageError("X280", "export shall write early exits, and the model before it has none", hint)
    told, weights = read_json(folder / SHAPE), load_file(folder / WEIGHTS)
    heads = nn.ModuleDict()
    for layer in sorted(told["layers"]):
        head = nn.Linear(told["width"], told["labels"])
        head.load_state_dict({name: weights[f"{layer}.{name}"] for name in ("weight", "bias")})
        heads[str(layer)] = head
    return heads.eval()


def early_answers(heads: nn.ModuleDict, states: Any) -> dict[str, torch.Tensor]:
    """Return the exits' logits (batch, labels) by name of output.

    Args:
        heads: by layer.
        states: of the embeddings and after each layer, (batch, sequence, width) each; the first piece's is read.
    """
    return {exit_name(layer): head(states[int(layer)][:, 0]) for layer, head in heads.items()}


def torch_exits(model: Any, heads: nn.ModuleDict) -> dict[str, Callable[[dict[str, np.ndarray]], np.ndarray]]:
    """Return for each exit a function from a batch to its logits, as PyTorch computes them; for checks."""

    def answer(batch: dict[str, np.ndarray], name: str) -> np.ndarray:
        types = getattr(model.config, "type_vocab_size", 0) > 1
        names = ["input_ids", "attention_mask", *(["token_type_ids"] if types else [])]
        with torch.no_grad():
            given = model(**{each: torch.from_numpy(batch[each]) for each in names}, output_hidden_states=True)
            logits: np.ndarray = early_answers(heads, given.hidden_states)[name].numpy()
        return logits

    return {name: partial(answer, name=name) for name in map(exit_name, heads)}
