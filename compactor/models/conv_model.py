"""The convolutional model: filters over neighbouring pieces, and the largest answer of each in the text.

    text[f] = relu(max over places t of  sum_j W[f, j] . E[p_{t+j}]),   logits = head(text)

A window may hang over either end of the text, where E is zero. A filter has no bias before the maximum: a window of padding alone
then gives 0, which relu would give anyway, so that padding changes nothing and no mask is needed.

All filters are rows of one matrix over the widest window, with zeros where a narrower filter sees nothing: one product and one
maximum in the graph, whatever the number of widths. At this size a node costs more than the multiplications saved.

Source of the form: Kim 2014 (arXiv:1408.5882), section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from compactor.models.piece_model import Head, PieceConfig, PieceModel


class ConvConfig(PieceConfig):
    """Configuration of a convolutional model.

    Args:
        widths: pieces that a filter sees, one group for each.
        filters: filters of each width.
        kwargs: see `PieceConfig`.
    """

    model_type = "compactor-conv"

    def __init__(self, widths: Sequence[int] = (1,), filters: int = 1, **kwargs: Any) -> None:
        self.widths, self.filters = list(widths), filters
        super().__init__(**kwargs)


class Filters(nn.Module):
    """One linear map from windows of pieces to all filters; narrower ones keep zeros at the window's beginning."""

    def __init__(self, widths: Sequence[int], filters: int, hidden: int) -> None:
        super().__init__()
        self.widths, self.filters, self.window = tuple(widths), filters, max(widths)
        self.map = nn.Linear(self.window * hidden, filters * len(self.widths), bias=False)

    def forward(self, windows: Tensor) -> Tensor:
        """Map float32 (rows, places, window * hidden) to (rows, places, filters)."""
        # The zeros are in the weights; while training, the mask keeps gradients from them.
        weight = self.map.weight * self.seen() if self.training else self.map.weight
        return nn.functional.linear(windows, weight)

    def seen(self) -> Tensor:
        """Return 1 where a filter sees a number of the window, else 0: (filters, window * hidden)."""
        weight = self.map.weight
        first = torch.tensor([self.window - width for width in self.widths], device=weight.device)
        first = first.repeat_interleave(self.filters) * (weight.shape[1] // self.window)
        return (torch.arange(weight.shape[1], device=weight.device)[None, :] >= first[:, None]).to(weight.dtype)


class ConvForSequenceClassification(PieceModel):
    """Filters over pieces, maximum over the text, and a head; see the module's formula."""

    config_class = ConvConfig

    def __init__(self, config: ConvConfig) -> None:
        super().__init__(config)
        self.convolution = Filters(config.widths, config.filters, config.hidden_size)
        self.classifier = Head(config.filters * len(config.widths), config.head, config.num_labels, config.dropout)
        self.post_init()

    def vectors(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return piece vectors (rows, length, hidden) and the text vectors (rows, filters)."""
        over = self.convolution.window - 1
        padded = nn.functional.pad(ids, (over, over), value=self.padding).unsqueeze(2)
        # Neighbours are brought together as ids, which are small; one lookup then gives whole windows.
        places = [padded[:, first : -(over - first) or None] for first in range(over + 1)]
        windows = self.embeddings(torch.cat(places, dim=2))
        answers = self.convolution(windows.flatten(2))
        # The last piece of window t is piece t of the text.
        return windows[:, : ids.shape[1], -1], torch.relu(answers.amax(dim=1))

    def encoder_parameters(self) -> tuple[Tensor, ...]:
        """Return the filters."""
        return (self.convolution.map.weight,)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, Filters):
            module.map.weight.mul_(module.seen())
