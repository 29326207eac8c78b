"""Narrower layers: feed-forward neurons and attention heads leave a model, physically; torch-pruning's graph does the surgery.

A decoder's are cut by `compactor.pruning.slicing`; its heads go in whole groups, one head of key and value with all its queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import nn

from compactor.base.errors import StageError
from compactor.models.families import Layer, describe
from compactor.models.feeding import example
from compactor.models.widths import set_heads, write_widths
from compactor.pruning.slicing import slice_units

if TYPE_CHECKING:
    from torch_pruning import DependencyGraph

Part = Literal["intermediate", "heads"]
Wanted = int | float | Sequence[int]


@dataclass(frozen=True)
class Units:
    """The units of one layer that can go: neurons of the feed-forward map, or heads.

    Attributes:
        layer: the layer.
        part: `intermediate` or `heads`.
        producers: linear maps whose outputs are the units; the first one is where the surgery begins.
        consumer: the linear map that reads them.
        size: inputs of the consumer that make one unit.
        count: units there are now.
    """

    layer: Layer
    part: Part
    producers: tuple[nn.Linear, ...]
    consumer: nn.Linear
    size: int
    count: int

    def inputs(self, kept: np.ndarray) -> torch.Tensor:
        """Return the consumer's inputs that belong to the kept units, int64, ascending."""
        return torch.from_numpy((np.sort(kept)[:, None] * self.size + np.arange(self.size)).reshape(-1).astype(np.int64))


def units(model: nn.Module, part: Part) -> list[Units]:
    """Return the units of each layer of an encoder."""
    found = []
    for layer in describe(model).parts:
        if part == "intermediate":
            _, _, producers, _ = layer.flow
            found.append(Units(layer, part, producers, layer.output, 1, layer.intermediate.out_features))
        else:
            size = layer.group * layer.head_size
            found.append(Units(layer, part, layer.flow[0], layer.attention_output, size, layer.kv_heads))
    return found


def target_counts(now: Sequence[int], wanted: Wanted, round_to: int, name: str) -> list[int]:
    """Return how many units each layer is to keep.

    Args:
        now: units of each layer.
        wanted: a float is the share to keep, an integer the number in every layer, a list the number in each.
        round_to: counts from a share are rounded to a multiple of this, never to 0; kernels like multiples of 8.
        name: the setting, for errors.

    Raises:
        StageError: K211 a layer has not so many, K212 a list of another length, K213 nothing would go.
    """
    if isinstance(wanted, float):
        counts = [min(count, max(round_to, round(count * wanted / round_to) * round_to)) for count in now]
    elif isinstance(wanted, int):
        counts = [wanted] * len(now)
    else:
        counts = list(wanted)
        if len(counts) != len(now):
            sentence = f"prune.{name} names {len(counts)} widths, but the model has {len(now)} layers"
            raise StageError("K212", sentence, "name one for each layer that stays")
    for number, (count, most) in enumerate(zip(counts, now, strict=True)):
        if not 1 <= count <= most:
            raise StageError("K211", f"prune.{name} keeps {count} in layer {number}, which has {most}", f"keep 1 to {most}")
    if counts == list(now):
        raise StageError(
            "K213", f"prune.{name} is {wanted}, which removes nothing from {most_common(now)}", "give a smaller number"
        )
    return counts


def most_common(numbers: Sequence[int]) -> int:
    """Return the number that occurs most often."""
    return max(set(numbers), key=list(numbers).count)


def best_units(scores: np.ndarray, count: int) -> np.ndarray:
    """Return the `count` units with the highest scores, int64, ascending; of equals the first ones."""
    return np.sort(np.argsort(-scores, kind="stable")[:count]).astype(np.int64)


def trace(model: Any) -> DependencyGraph | None:
    """Return torch-pruning's graph of which weights must be cut together; it stays valid after cuts. None for a decoder.

    Only its low level is used, groups with explicit indices: the pruners above it lose cuts silently.
    """
    if describe(model).causal:
        return None
    import torch_pruning

    with torch.enable_grad():
        return torch_pruning.DependencyGraph().build_dependency(
            model, example(model), output_transform=lambda output: output.logits.sum(), verbose=False
        )


def cut(graph: DependencyGraph | None, where: Units, kept: np.ndarray) -> None:
    """Remove all units of one layer but the kept ones, in place. The output is that of `mask`, to the bit or to rounding.

    Args:
        graph: from `trace`, of the model that holds the layer.
        where: the units of one layer.
        kept: int64 (kept,), units that stay.

    Raises:
        StageError: K214 when the graph and the layer do not agree on what belongs together.
    """
    inputs = where.inputs(kept)
    gone = sorted(set(range(where.consumer.in_features)) - set(inputs.tolist()))
    if not gone:
        return
    if graph is None:
        slice_units(where, np.sort(kept))
        return
    import torch_pruning

    group = graph.get_pruning_group(where.producers[0], torch_pruning.prune_linear_out_channels, gone)
    touched = {item.dep.target.module for item in group if isinstance(item.dep.target.module, nn.Linear)}
    if touched != {*where.producers, where.consumer} or not graph.check_pruning_group(group):
        raise StageError(
            "K214", f"the {where.part} of this model cannot be cut alone", "leave this setting out for this family"
        )
    group.prune()
    if where.part == "heads":
        set_heads(where.layer, len(kept))


def mask(where: Units, kept: np.ndarray) -> None:
    """Silence all units of one layer but the kept ones, in place: what `cut` must agree with."""
    silent = torch.ones(where.consumer.in_features, dtype=torch.bool)
    silent[where.inputs(kept)] = False
    with torch.no_grad():
        where.consumer.weight[:, silent] = 0.0


def finish(model: Any) -> None:
    """Make the config tell the widths after cuts: plain when the layers are alike, else as `layer_widths`."""
    write_widths(model)
