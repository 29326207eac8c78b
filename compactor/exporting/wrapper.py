"""The module that is traced: an explicit signature, the task's outputs as a tuple, constant token types folded."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from compactor.exporting.exits import early_answers

TYPE_TABLE = "token_type_embeddings"  # the name in every BERT-like family of transformers
PIXELS = "pixel_values"
SAMPLE_ROWS, SAMPLE_LENGTH, SAMPLE_PADDED = 2, 7, 3


class _Traced(nn.Module):
    """Holds the model; both backends need a forward whose parameters are named one by one."""

    def __init__(self, model: nn.Module, outputs: tuple[str, ...], exits: nn.ModuleDict | None = None) -> None:
        super().__init__()
        self.model = model
        self.outputs = outputs
        self.exits = exits

    def _answer(self, **inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if self.exits is None:
            answer = self.model(**inputs)
            return tuple(getattr(answer, name) for name in self.outputs)
        answer = self.model(**inputs, output_hidden_states=True)
        early = early_answers(self.exits, answer.hidden_states)
        return tuple(early[name] if name in early else getattr(answer, name) for name in self.outputs)


class IdsAlone(_Traced):
    """Graph of a model to which padding adds nothing, so that it needs no mask."""

    def forward(self, input_ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Answer int64 (batch, sequence) ids."""
        return self._answer(input_ids=input_ids)


class OneSentence(_Traced):
    """Graph of a model that reads ids and mask."""

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Answer int64 (batch, sequence) ids and mask."""
        return self._answer(input_ids=input_ids, attention_mask=attention_mask)


class TwoSentences(_Traced):
    """Graph of a model that must be told which sentence a token belongs to."""

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """Answer int64 (batch, sequence) ids, mask and token types."""
        return self._answer(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)


class Image(_Traced):
    """Graph of a model that sees images."""

    def forward(self, pixel_values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Answer float32 (batch, 3, height, width) images."""
        return self._answer(pixel_values=pixel_values)


class FirstType(nn.Module):
    """Stands for the token-type embeddings where every token has type 0: their first row, whatever the ids."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight[0].detach().clone(), requires_grad=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the row, float32 (hidden,); it is broadcast over (batch, sequence)."""
        return self.weight


def wrap(
    model: nn.Module, outputs: tuple[str, ...], *, pair: bool, exits: nn.ModuleDict | None = None
) -> tuple[nn.Module, tuple[str, ...]]:
    """Make the module to trace and the names of its inputs, the fewest that the model needs.

    Without a second sentence all token types are 0: the lookup is replaced, in place, by its first row, which removes an input and
    a dozen nodes and leaves the sums as they were. A model with a single token type takes no such input either. A model of
    compactor's own that says `graph_inputs = ("input_ids",)` reads ids alone.
    """
    if getattr(model, "graph_inputs", None) == ("input_ids",):
        return IdsAlone(model, outputs).eval(), ("input_ids",)
    if getattr(model, "main_input_name", None) == PIXELS:
        return Image(model, outputs).eval(), (PIXELS,)
    tables: list[tuple[nn.Module, nn.Embedding]] = []
    for parent in model.modules():
        table = getattr(parent, TYPE_TABLE, None)
        if isinstance(table, nn.Embedding):
            tables.append((parent, table))
    if pair and any(table.num_embeddings > 1 for _, table in tables):
        # eval() on the wrapper: the exporters put back the mode of the module they are given.
        return TwoSentences(model, outputs, exits).eval(), ("input_ids", "attention_mask", "token_type_ids")
    for parent, table in tables:
        setattr(parent, TYPE_TABLE, FirstType(table.weight))
    return OneSentence(model, outputs, exits).eval(), ("input_ids", "attention_mask")


def sample_inputs(names: tuple[str, ...], *, vocabulary: int, pad_id: int) -> dict[str, Any]:
    """Return int64 (2, 7) inputs to trace with, the second row padded: with an all-ones mask, exporters drop the mask from the graph."""
    ids = torch.arange(SAMPLE_ROWS * SAMPLE_LENGTH).reshape(SAMPLE_ROWS, SAMPLE_LENGTH) % vocabulary
    ids[ids == pad_id] = (pad_id + 1) % vocabulary
    mask = torch.ones_like(ids)
    mask[1, -SAMPLE_PADDED:] = 0
    types = torch.zeros_like(ids)
    types[:, SAMPLE_LENGTH // 2 :] = mask[:, SAMPLE_LENGTH // 2 :]
    ids[mask == 0] = pad_id
    values = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
    return {name: values[name] for name in names}
