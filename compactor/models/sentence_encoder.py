"""A text encoder that gives one vector a text: pooled states, a projection where the width is not the teacher's, length 1."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compactor.models.sentence_layout import FIELD, Layout, read_layout, read_projection, write_layout


@dataclass
class Embedded:
    """What the model gives for a batch.

    Attributes:
        embedding: float32 (rows, dimension), each of length 1.
        hidden_states: of all layers where they were asked for, each (rows, length, width).
    """

    embedding: Tensor
    hidden_states: tuple[Tensor, ...] | None = None

    @property
    def logits(self) -> Tensor:
        """The embedding, by the name that answers have elsewhere."""
        return self.embedding


class SentenceEncoder(nn.Module):
    """An encoder of transformers without its pooler, and what makes one vector of its last states.

    Mean over real tokens (Reimers and Gurevych 2019, arXiv:1908.10084, section 3) or the first token's state; a linear map without
    bias into the teacher's space where the body has another width, so that a student's vectors can be searched among the teacher's;
    divided by their length. Folders are those of sentence-transformers: `modules.json` and a folder for each further module.

    Args:
        body: a model of transformers that gives `last_hidden_state`.
        layout: how states become a vector.
    """

    def __init__(self, body: Any, layout: Layout) -> None:
        super().__init__()
        if getattr(body, "pooler", None) is not None:
            body.pooler = None  # it is for next-sentence prediction; its weights would be shipped for nothing
        self.body, self.layout = body, layout
        self.projection = self._map()

    @property
    def config(self) -> Any:
        """The body's configuration; it also tells the layout, so that a student is made like its teacher."""
        setattr(self.body.config, FIELD, self.layout.as_dict())
        return self.body.config

    @classmethod
    def from_config(cls, config: Any, **options: Any) -> SentenceEncoder:
        """Build a model with random weights, of the dimension that the configuration tells."""
        from transformers import AutoModel

        told = getattr(config, FIELD, None)
        layout = Layout(**told) if told else Layout("mean", int(config.hidden_size))
        return cls(AutoModel.from_config(config, **options), layout)

    @classmethod
    def from_pretrained(cls, folder: Path, *, config: Any, **options: Any) -> tuple[SentenceEncoder, dict[str, Any]]:
        """Read a folder of sentence-transformers, or a plain encoder, whose states are then averaged.

        Returns:
            The model, and transformers' loading info without the pooler.
        """
        from transformers import AutoModel

        body, info = AutoModel.from_pretrained(folder, config=config, **options)
        missing = [name for name in info["missing_keys"] if "pooler" not in str(name).split(".")]
        model = cls(body, read_layout(folder, int(body.config.hidden_size)))
        model.read_projection(folder)
        return model, {**info, "missing_keys": missing}

    def _map(self) -> nn.Linear | None:
        width = int(self.body.config.hidden_size)
        wanted = self.layout.mapped or self.layout.dimension != width
        return nn.Linear(width, self.layout.dimension, bias=False) if wanted else None

    def answer_in(self, dimension: int) -> None:
        """Give vectors of this dimension from now on: by a new map, unless they have it already."""
        if dimension != self.layout.dimension:
            self.layout = replace(self.layout, dimension=dimension)
            self.projection = self._map()

    def read_projection(self, folder: Path) -> None:
        """Take the projection's weights from a folder that has some."""
        weight = read_projection(folder)
        if self.projection is not None and weight is not None:
            with torch.no_grad():
                self.projection.weight.copy_(weight)

    def save_pretrained(self, folder: Path, **options: Any) -> None:
        """Write the folder: the body as transformers writes it, and the modules after it."""
        _ = self.config
        self.body.save_pretrained(folder, **options)
        write_layout(folder, self.layout, None if self.projection is None else self.projection.weight.detach())

    def get_input_embeddings(self) -> Any:
        """Return the piece table."""
        return self.body.get_input_embeddings()

    def set_input_embeddings(self, value: Any) -> None:
        """Put another piece table in its place."""
        self.body.set_input_embeddings(value)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor | None = None,
        output_hidden_states: bool = False,
    ) -> Embedded:
        """Embed texts: int64 (rows, length) ids, mask and, for bodies that know them, token types."""
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        # Asked for only when wanted: a flag of its own changes the traced graph.
        more = {"output_hidden_states": True} if output_hidden_states else {}
        answer = self.body(input_ids=input_ids, attention_mask=attention_mask, **types, **more)
        states = answer.last_hidden_state
        if self.layout.pooling == "cls":
            pooled = states[:, 0]
        else:
            mask = attention_mask.unsqueeze(-1).to(states.dtype)
            pooled = (states * mask).sum(dim=1) / mask.sum(dim=1).clamp_min(1e-9)
        if self.projection is not None:
            pooled = self.projection(pooled)
        return Embedded(F.normalize(pooled, dim=-1), answer.hidden_states if output_hidden_states else None)
