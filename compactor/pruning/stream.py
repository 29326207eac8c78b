"""A narrower residual stream: one set of channels stays in the embeddings, in every norm and in every map that reads or writes them.

A layer norm over fewer channels has another mean and variance, so masking weights or activations never equals the cut. What does is
`compactor.pruning.stream_mask`, a mask that the norms honour.

The cut takes information from every layer at once, so it costs much more than neurons or heads do. The refit fits in closed form, from the
first norm to the last, scales, shifts and the maps into the stream to the kept channels of the whole model (`models.refit_states`, with
a selection of channels in the place of principal directions).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from compactor.base.errors import StageError
from compactor.models.factorized import FactorizedEmbedding
from compactor.models.families import Encoder, describe
from compactor.models.projection import MOST_PIECES, head_maps, watched
from compactor.models.refit_states import Refit
from compactor.models.states import States, capture, one_batch
from compactor.models.widths import write_widths

Batches = Sequence[Mapping[str, np.ndarray]]
WRITES, READS = 0, 1  # the axis of a weight that is the stream: outputs of a map, or its inputs (and the columns of a table)


def projected_width(encoder: Encoder) -> int:
    """Return the width of embeddings that a projection brings into the stream, as ELECTRA's are; 0 where there is none."""
    last: Any = encoder.before_layers[-1]
    return int(last.in_features) if isinstance(last, nn.Linear) else 0


def channels_to_keep(hidden: int, wanted: int | float, head_size: int, projected: int = 0) -> int:
    """Return how many channels stay: a number, or a share rounded to a multiple of the head size.

    A configuration knows the head size only as hidden / heads, so that the width must be a multiple of it. It knows of a projection
    only by two widths that differ, so that the stream must not become as wide as `projected`, see `projected_width`.

    Raises:
        StageError: K216, the number is no multiple, is not there, or removes nothing; K222, it is the width of the embeddings.
    """
    count = head_size * max(1, round(hidden * wanted / head_size)) if isinstance(wanted, float) else wanted
    if not 0 < count < hidden or count % head_size:
        sentence = (
            f"prune.hidden is {wanted}, but of {hidden} channels with heads of {head_size} a smaller multiple of {head_size}"
        )
        raise StageError("K216", f"{sentence} must stay", f"give a number from {head_size} to {hidden - head_size}")
    if count == projected:
        sentence = f"prune.hidden is {wanted}, so {count} channels, as many as the embeddings have, whose projection would not be read back"
        others = " or ".join(str(other) for other in (count - head_size, count + head_size) if 0 < other < hidden)
        raise StageError("K222", sentence, f"give another number, such as {others}" if others else "leave hidden out")
    return count


def stream_maps(encoder: Encoder) -> Iterator[tuple[Any, int]]:
    """Yield every module before the head that has the stream on an axis of its weight, and which axis.

    Raises:
        StageError: K217, the stream of this model cannot be cut.
    """
    if encoder.causal or encoder.norm is None or encoder.positions is None:
        raise StageError("K217", "the hidden width of this family cannot be pruned", "prune heads and intermediate")
    if len(encoder.before_layers) == 1:
        words: Any = encoder.words
        yield (words.projection, WRITES) if isinstance(words, FactorizedEmbedding) else (words, READS)
        yield encoder.positions, READS
        if encoder.types is not None:
            yield encoder.types, READS
        yield encoder.norm, WRITES
    else:  # ELECTRA's embeddings have a width of their own
        yield encoder.before_layers[-1], WRITES
    for part in encoder.parts:
        yield from ((linear, READS) for linear in (part.query, part.key, part.value, part.intermediate))
        yield from ((module, WRITES) for module in (part.attention_output, part.attention_norm, part.output, part.output_norm))


def narrower_parameters(model: Any, channels: int) -> int:
    """Return how many parameters the model has when so many channels stay; the model is not touched."""
    encoder = describe(model)
    gone = encoder.hidden - channels
    total: int = sum(parameter.numel() for parameter in model.parameters())
    for module, axis in stream_maps(encoder):
        biased = axis == WRITES and getattr(module, "bias", None) is not None
        total -= gone * (module.weight.numel() // module.weight.shape[axis] + biased)
    heads = _heads(encoder)
    if len(heads) == 2:
        inner = heads[0]
        total -= inner.weight.numel() + encoder.hidden - channels * channels - channels
    if heads:
        total -= gone * heads[-1].out_features
    return total


def cut_stream(model: Any, kept: np.ndarray, batches: Batches | None = None) -> None:
    """Keep only some channels of the residual stream, in place; with batches, refit what writes and reads them.

    A hidden map of the head (BERT's pooler, RoBERTa's dense map) is as wide as the stream in every configuration, so it keeps as many
    outputs: those with most energy in what follows.

    Args:
        model: a transformers encoder that `models.families` can describe; its configuration is brought in line.
        kept: channels that stay, int64, ascending; as many as `channels_to_keep` allows.
        batches: calibration batches with `token_type_ids`, for the refit.

    Raises:
        StageError: K217, the stream of this model cannot be cut.
    """
    encoder, stay = describe(model), torch.from_numpy(kept)
    hidden, head_size = encoder.hidden, encoder.parts[0].head_size
    maps, heads = list(stream_maps(encoder)), _heads(encoder)
    some, states = None, States()
    if batches is not None:
        some = one_batch(batches, MOST_PIECES)
        states = capture(model, watched(encoder, tuple(range(len(encoder.parts)))) | head_maps(encoder), some)
    outputs = head_outputs(encoder, len(kept), states)
    for module, axis in maps:
        _select(module, stay, axis)
    if heads:
        _select(heads[0], stay, READS)
    if len(heads) == 2:
        _select(heads[0], outputs, WRITES)
        _select(heads[1], outputs, READS)
    _tell_config(model, hidden, len(kept), head_size)
    if some is not None:
        Refit(describe(model), nn.functional.one_hot(stay, hidden).T.float(), states).run(some)


def head_outputs(encoder: Encoder, count: int, states: States) -> Tensor:
    """Return which outputs of the head's hidden map stay, int64, ascending: those with most energy in what follows.

    Args:
        encoder: before the cut.
        count: how many.
        states: from `capture`; without them all outputs count as equally large.
    """
    heads = _heads(encoder)
    if len(heads) < 2:
        return torch.arange(count)
    energy = heads[1].weight.detach().double().square().sum(0)
    if "head/1" in states:
        energy = energy * states["head/1"][0].double().square().mean(0)
    return energy.argsort(descending=True, stable=True)[:count].sort().values


def _heads(encoder: Encoder) -> list[nn.Linear]:
    """Return the maps after the layers: none, the classifier, or a hidden map as wide as the stream and the classifier."""
    found: list[Any] = list(head_maps(encoder).values())
    inner = [linear.out_features for linear in found[:-1]]
    if type(encoder.model).__name__ == "SentenceEncoder" or inner not in ([], [encoder.hidden]):
        sentence = (
            "the hidden width of this model cannot be pruned: its embeddings, or a map of its head, have a width of their own"
        )
        raise StageError("K217", sentence, "distill into a narrower student: student: {hidden: 128, init: pca}")
    return found


def _select(module: Any, stay: Tensor, axis: int) -> None:
    """Keep some rows or columns of a linear map, some channels of a norm, or some columns of a table; in place."""
    module.weight = nn.Parameter(module.weight.detach().index_select(axis, stay).clone())
    if axis == WRITES and module.bias is not None:
        module.bias = nn.Parameter(module.bias.detach().index_select(0, stay).clone())
    if isinstance(module, nn.LayerNorm):
        module.normalized_shape = (len(stay),)
    elif isinstance(module, nn.Embedding):
        module.embedding_dim = len(stay)
    elif axis == READS:
        module.in_features = len(stay)
    else:
        module.out_features = len(stay)


def _tell_config(model: Any, before: int, hidden: int, head_size: int) -> None:
    config = model.config
    if getattr(config, "embedding_size", None) == before:  # ELECTRA whose embeddings are as wide as its stream
        config.embedding_size = hidden
    config.hidden_size = hidden
    config.num_attention_heads = hidden // head_size  # so that a reader finds the head size
    write_widths(model)
