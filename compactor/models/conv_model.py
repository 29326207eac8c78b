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
    """One linear map from windows of pieces to all filters; narrower ones keep zeros at the window's beginning.

    Attributes:
        weight: float32 (filters, window * hidden); a filter's first values are uniform, spread by the numbers that it sees.
    """

    def __init__(self, widths: Sequence[int], filters: int, hidden: int) -> None:
        super().__init__()
        self.window = max(widths)
        self.first = tuple((self.window - width) * hidden for width in widths for _ in range(filters))
        self.weight = nn.Parameter(torch.empty(len(self.first), self.window * hidden).uniform_(-1.0, 1.0))
        with torch.no_grad():
            seen = self.seen()
            self.weight.mul_(seen / seen.sum(dim=1, keepdim=True).sqrt())

    def forward(self, windows: Tensor) -> Tensor:
        """Map float32 (rows, places, window * hidden) to (rows, places, filters)."""
        return nn.functional.linear(windows, self.matrix())

    def matrix(self) -> Tensor:
        """Return the weights that are multiplied with; the zeros are in them, while training a mask keeps gradients from those."""
        return self.weight * self.seen() if self.training else self.weight

    def seen(self) -> Tensor:
        """Return 1 where a filter sees a number of the window, else 0: (filters, window * hidden)."""
        first = torch.tensor(self.first, device=self.weight.device)
        places = torch.arange(self.weight.shape[1], device=self.weight.device)
        return (places[None, :] >= first[:, None]).to(self.weight.dtype)


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
        return (self.convolution.weight,)
