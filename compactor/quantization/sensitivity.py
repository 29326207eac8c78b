"""What quantizing one node costs in answers, and the fewest nodes to leave in float for a budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from compactor.quantization.graph import choose, load_float, split_gemms


@dataclass(frozen=True)
class Cost:
    """One node with weights: its name, its parameters, and how far quantizing it alone moves the answers (`divergence`)."""

    node: str
    parameters: int
    divergence: float = 0.0

    @property
    def per_parameter(self) -> float:
        """What is lost for each parameter that gets smaller: the order in which nodes go back to float."""
        return self.divergence / max(1, self.parameters)


def candidates(source: Path, *, gemms_are_split: bool, embeddings: bool, keep: Sequence[str]) -> list[Cost]:
    """Return the nodes that a quantizer would take, unmeasured, in the graph's order.

    Args:
        source: ONNX folder in fp32.
        gemms_are_split: the quantizer turns Gemm into MatMul and Add first, which renames them.
        embeddings: it takes tables too.
        keep: patterns of what it leaves.

    Raises:
        StageError: as `graph.choose`.
    """
    model = load_float(source)
    if gemms_are_split:
        split_gemms(model)
    chosen = choose(model, embeddings=embeddings, keep=keep)
    names = {*chosen.products, *chosen.tables}
    sizes = {tensor.name: int(np.prod(tensor.dims, dtype=np.int64)) for tensor in model.graph.initializer}
    return [Cost(node.name, sizes[_weight(node)]) for node in model.graph.node if node.name in names]


def _weight(node: onnx.NodeProto) -> str:
    return str(node.input[0] if node.op_type == "Gather" else node.input[1])


def divergence(reference: np.ndarray, candidate: np.ndarray, *, probabilities: bool) -> float:
    """Return how far answers moved, 0 for not at all.

    Args:
        reference: answers of the float model, float32 (answers, outputs).
        candidate: of the quantized one.
        probabilities: the answers are logits of one choice: the mean Kullback-Leibler divergence of the softmax, in nats. Otherwise the
            mean squared difference over the mean square of the reference.
    """
    one, other = reference.astype(np.float64), candidate.astype(np.float64)
    if not probabilities:
        return float(((one - other) ** 2).mean() / max((one**2).mean(), np.finfo(np.float64).tiny))
    one, other = _log_softmax(one), _log_softmax(other)
    return float((np.exp(one) * (one - other)).sum(axis=1).mean())


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def fewest(total: int, meets: Callable[[int], bool]) -> int | None:
    """Return the least count from 1 to `total` that meets a budget, or None; asks at most 2 log2(total) + 2 times.

    Doubles until it is met and then halves the interval: what the first k nodes cost is nearly the sum of their costs, so more kept nodes
    hardly ever lose. Where they do, the count returned still meets the budget.
    """
    below, count = 0, 1
    while total and not meets(min(count, total)):
        if count >= total:
            return None
        below, count = count, count * 2
    if not total:
        return None
    above = min(count, total)
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if meets(middle) else (middle, above)
    return above
