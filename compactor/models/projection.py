"""First weights of a narrower student: the teacher's layers seen along the main directions of its states, then refitted in closed form.

The residual stream of width H is projected by P (H, d), orthonormal columns: maps out of the stream become W P, maps into it Pᵀ W, the
embeddings E P. Attention keeps the heads, and the feed-forward part the channels, that put most energy into the stream. A layer norm is
not invariant under a projection (it subtracts a mean over channels and scales each one), so that:

- P is turned so that the direction the norm takes away, the mean over channels, is the least important of the d directions;
- scale and shift of each norm are fitted by least squares, channel by channel, to the projected teacher's output;
- before each norm the map into the stream is refitted by ridge regression on the student's own inputs, which also makes up for layers
  that were left out: each kept layer is fitted to what the teacher has after it.

Sources: principal components as in Hotelling 1933; the refit is the least-squares reconstruction of He et al. 2017 (arXiv:1707.06168),
section 3.1. That the student starts near Pᵀ h of the teacher is tested, not proved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from compactor.models.factorized import whole_table
from compactor.models.families import Encoder, Layer, describe
from compactor.models.narrow_attention import project_attention
from compactor.models.refit_states import Refit
from compactor.models.states import States, capture, one_batch

# Enough pieces for a well-posed regression on a thousand inputs; more only cost time.
MOST_PIECES = 4096


def project(teacher: Any, student: Any, kept: tuple[int, ...], batches: Iterable[Mapping[str, np.ndarray]]) -> dict[str, Any]:
    """Fill a student's weights from a teacher's.

    Args:
        teacher: not changed.
        student: of the same family, narrower or as wide; changed in place.
        kept: which of the teacher's layers the student's layers stand for.
        batches: encoded training rows.

    Returns:
        `variance_kept`: share of the energy of the teacher's states that lies in the kept directions.
    """
    source, target = describe(teacher), describe(student)
    some = one_batch(batches, MOST_PIECES)
    states = capture(teacher, watched(source, kept) | head_maps(source), some)
    points = [states[name][1] for name in ("norm", *(f"{number}/output_norm" for number in range(len(kept))))]
    directions, variance = main_directions(points, target.hidden)
    with torch.no_grad():
        _project_embeddings(source, target, directions)
        for number, layer in enumerate(kept):
            _project_layer(source.parts[layer], target.parts[number], directions, states, number)
        _project_heads(source, target, directions, states)
    Refit(target, directions, states).run(some)
    return {"variance_kept": round(variance, 4)}


def main_directions(points: list[Tensor], width: int) -> tuple[Tensor, float]:
    """Return (P, share): orthonormal columns (H, width) that keep most energy of the states, and the share they keep.

    Args:
        points: states (pieces, H) at several places; each place counts the same.
        width: number of directions d. The last column of the basis before the turn holds the least energy; the turn (a Householder
            reflection) puts it along (1, ..., 1) / sqrt(d), which is what a layer norm over d channels subtracts.
    """
    moment = torch.zeros(points[0].shape[1], points[0].shape[1], dtype=torch.float64)
    for states in points:
        own = states.double().T @ states.double()
        moment += own / own.trace() / len(points)
    values, vectors = torch.linalg.eigh(moment)
    basis = vectors.flip(1)[:, :width]
    # Signs of eigenvectors are arbitrary: the largest entry is made positive, so that equal inputs give equal students.
    basis = basis * basis.gather(0, basis.abs().argmax(dim=0, keepdim=True)).sign()
    axis = torch.full((width,), width**-0.5, dtype=torch.float64)
    axis[-1] -= 1.0
    if axis.norm() > 0:
        basis = basis - 2.0 * (basis @ axis)[:, None] * axis[None, :] / axis.square().sum()
    return basis.float(), float(values.flip(0)[:width].sum())


def watched(encoder: Encoder, layers: tuple[int, ...]) -> dict[str, nn.Module]:
    """Return the modules whose inputs and outputs are wanted: every norm, and the two maps into the stream of each layer."""
    watched: dict[str, nn.Module] = {"norm": _stream_start(encoder)}
    for number, layer in enumerate(layers):
        part = encoder.parts[layer]
        for name in ("attention_output", "attention_norm", "output", "output_norm"):
            watched[f"{number}/{name}"] = getattr(part, name)
    return watched


def _stream_start(encoder: Encoder) -> nn.Module:
    """Return the module whose output the first layer reads: the embeddings' norm, or ELECTRA's projection."""
    start = encoder.norm if len(encoder.before_layers) == 1 else encoder.before_layers[-1]
    assert start is not None, "only post-norm encoders are projected"
    return start


def head_maps(encoder: Encoder) -> dict[str, nn.Module]:
    """Return the linear maps after the layers, in order: pooler or dense map, then the classifier."""
    inside = {id(module) for outer in (*encoder.before_layers, encoder.layers) for module in outer.modules()}
    found = [module for module in encoder.model.modules() if isinstance(module, nn.Linear) and id(module) not in inside]
    return {f"head/{number}": module for number, module in enumerate(found)}


def _project_embeddings(source: Encoder, target: Encoder, directions: Tensor) -> None:
    start = _stream_start(source)
    if isinstance(start, nn.Linear) and len(target.before_layers) > 1:
        into_stream(start, _stream_start(target), directions)
        assert source.norm is not None
        assert target.norm is not None
        target.norm.load_state_dict(source.norm.state_dict())
        directions = torch.eye(start.in_features)  # the embeddings themselves stay as wide as they are
    elif isinstance(start, nn.Linear):  # an ELECTRA whose stream is as wide as its embeddings has no map between the two
        directions = start.weight.T @ directions
    for ours, theirs in ((target.words, source.words), (target.positions, source.positions), (target.types, source.types)):
        if ours is not None and theirs is not None:
            ours.weight.copy_(whole_table(theirs) @ directions)


def _project_layer(source: Layer, target: Layer, directions: Tensor, states: States, number: int) -> None:
    project_attention(source, target, directions, states[f"{number}/attention_output"][0])
    energy = states[f"{number}/output"][0].square().mean(dim=0) * source.output.weight.square().sum(dim=0)
    chosen = energy.argsort(descending=True, stable=True)[: target.intermediate.out_features].sort().values
    count = len(chosen)  # further neurons of a wider layer begin without influence
    target.intermediate.weight[:count] = source.intermediate.weight[chosen] @ directions
    target.intermediate.bias[:count] = source.intermediate.bias[chosen]
    target.output.weight[:, count:] = 0.0
    target.output.weight[:, :count] = directions.T @ source.output.weight[:, chosen]
    target.output.bias.copy_(directions.T @ source.output.bias)


def _project_heads(source: Encoder, target: Encoder, directions: Tensor, states: States) -> None:
    """Project the maps after the layers; a hidden map keeps the channels with most energy in what follows it."""
    ours, theirs = list(head_maps(target).values()), list(head_maps(source).values())
    if (
        len(ours) == 1 and not theirs
    ):  # embeddings: the teacher's are its stream itself, so the student's are mapped back into it
        ours[0].weight.copy_(directions)  # type: ignore[operator]
        return
    chosen: Tensor | None = None
    for number, (own, given) in enumerate(zip(ours, theirs, strict=True)):
        assert isinstance(own, nn.Linear)
        assert isinstance(given, nn.Linear)
        weight = given.weight @ directions if chosen is None else given.weight[:, chosen]
        bias: Tensor = given.bias
        if number + 1 < len(ours):
            following = theirs[number + 1]
            assert isinstance(following, nn.Linear)
            energy = states[f"head/{number + 1}"][0].square().mean(dim=0) * following.weight.square().sum(dim=0)
            chosen = energy.argsort(descending=True, stable=True)[: own.out_features].sort().values
            weight, bias = weight[chosen], bias[chosen]
        fill(own, weight, bias)


def fill(linear: nn.Linear, weight: Tensor, bias: Tensor | None) -> None:
    """Give a linear map these weights."""
    linear.weight.copy_(weight)
    if linear.bias is not None and bias is not None:
        linear.bias.copy_(bias)


def into_stream(source: Any, target: Any, directions: Tensor) -> None:
    """Project a map into the residual stream: Pᵀ W."""
    fill(target, directions.T @ source.weight, directions.T @ source.bias)
