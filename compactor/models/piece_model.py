"""What the static and the convolutional model share: a piece table whose padding row is zero, a head, and saving in fewest parts.

Both are transformers models in form (a configuration, `save_pretrained`, logits in an output object), so that they load, train and
export like any other; they answer alike whatever the padding, without an attention mask in the graph, since padding adds zero.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class PieceConfig(PretrainedConfig):  # type: ignore[misc]  # transformers has no types
    """Configuration of a model that begins with a piece table.

    Args:
        vocab_size: rows of the table.
        hidden_size: its width.
        head: width of the head's hidden layer; 0 for none.
        dropout: while training.
        pad_token_id: the row that stays zero.
        kwargs: what every transformers configuration has, such as `id2label`.
    """

    def __init__(
        self,
        vocab_size: int = 1,
        hidden_size: int = 1,
        head: int = 0,
        dropout: float = 0.0,
        pad_token_id: int = 0,
        **kwargs: Any,
    ) -> None:
        self.vocab_size, self.hidden_size, self.head, self.dropout = vocab_size, hidden_size, head, dropout
        super().__init__(pad_token_id=pad_token_id, **kwargs)


class Head(nn.Module):
    """Dropout, a hidden layer with ReLU if it has a width, and a linear map to the labels."""

    def __init__(self, width: int, hidden: int, labels: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(width, hidden) if hidden else None
        self.out_proj = nn.Linear(hidden or width, labels)

    def forward(self, states: Tensor) -> Tensor:
        """Map float32 (rows, width) to logits (rows, labels)."""
        states = self.dropout(states)
        if self.dense is not None:
            states = self.dropout(torch.relu(self.dense(states)))
        logits: Tensor = self.out_proj(states)
        return logits


class PieceModel(PreTrainedModel):  # type: ignore[misc]
    """Base of the two; a subclass makes text vectors out of ids.

    Class attributes:
        graph_inputs: the inputs of the exported graph.
        gives_hidden_states: a loss that compares texts by their states can use the piece vectors.
    """

    graph_inputs = ("input_ids",)
    gives_hidden_states = True
    base_model_prefix = ""
    _supports_sdpa = True  # there is no attention that could be done otherwise

    def __init__(self, config: PieceConfig) -> None:
        super().__init__(config)
        self.embeddings = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)

    @property
    def padding(self) -> int:
        """Id of the piece whose row is zero."""
        number = self.config.pad_token_id
        return 0 if number is None else int(number)

    def get_input_embeddings(self) -> nn.Embedding:
        """Return the piece table."""
        return self.embeddings

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Put another piece table in its place."""
        self.embeddings = value

    def vectors(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return (piece vectors (rows, length, hidden), text vectors (rows, width of the head)); ids int64 (rows, length)."""
        raise NotImplementedError

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        output_hidden_states: bool | None = None,
        **_: Any,
    ) -> SequenceClassifierOutput:
        """Answer texts.

        Args:
            input_ids: int64 (rows, length); padding anywhere, by the padding id.
            attention_mask: int64 (rows, length); where it is 0 a piece counts as padding. Not needed, and not in the graph.
            output_hidden_states: give the piece vectors, (rows, length, hidden), as the one hidden state there is.

        Returns:
            `logits` float32 (rows, labels), `hidden_states` if asked for.
        """
        ids = input_ids if attention_mask is None else input_ids.masked_fill(attention_mask == 0, self.padding)
        pieces, texts = self.vectors(ids)
        return SequenceClassifierOutput(
            logits=self.classifier(texts), hidden_states=(pieces,) if output_hidden_states else None
        )

    @torch.no_grad()
    def fold(self) -> None:
        """Bring what was only needed for training into the weights that stay; the answers do not change by a bit."""

    def part_sizes(self) -> dict[str, int]:
        """Return the number of parameters of `embeddings`, `encoder` and `head`."""
        total = sum(parameter.numel() for parameter in self.parameters())
        head = sum(parameter.numel() for parameter in self.classifier.parameters())
        encoder = sum(parameter.numel() for parameter in self.encoder_parameters())
        return {"embeddings": total - head - encoder, "encoder": encoder, "head": head}

    def encoder_parameters(self) -> tuple[Tensor, ...]:
        """Return what lies between the table and the head."""
        return ()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Give a new module first weights: the table normal, maps as torch does by default."""
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)
            if module.padding_idx is not None:
                module.weight[module.padding_idx] = 0.0
        elif isinstance(module, nn.Linear):
            module.reset_parameters()
