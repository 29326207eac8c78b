"""A model whose products with weights and whose lookups answer as onnxruntime's int8 graph will, while a block runs.

What the graph quantizes is what is rounded here: every product of an activation with a weight matrix (`nn.Linear`, the filters of the
convolutional student) and every lookup in a table. Products of two activations, convolutions, norms, biases and sums stay in float in
both. A row of a batch is rounded as if it were answered alone and without padding, as an app does it; the graph itself, given a batch,
takes one range for all of its rows. Where a head reads the first piece alone, the last layer's graph sees no other (see
`compactor.exporting.first_row`), and neither do the ranges here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import partial, wraps
from typing import Any

from torch import Tensor, nn

from compactor.base.errors import StageError
from compactor.distillation.quantization_aware.rounding import Codes, round_activations, round_matrix, round_rows
from compactor.distillation.quantization_aware.settings import QuantizationAware
from compactor.models.families import describe, is_layered

# A table of which the exporter keeps a single row, in float, where every text is one sentence.
TYPE_TABLE = "token_type_embeddings"
# Model classes whose head reads the first piece, or patch, alone.
FIRST_PIECE_HEADS = ("ForSequenceClassification", "ForImageClassification")
# The least and the greatest of what else is in a table.
Extremes = Callable[[], tuple[float, float]]


def nothing_else() -> tuple[float, float]:
    """Say that a table is whole; a range holds 0 anyway."""
    return 0.0, 0.0


@contextmanager
def imitating(
    settings: QuantizationAware | None, model: nn.Module, outside: Extremes = nothing_else
) -> Iterator[Imitation | None]:
    """Round a model's products and lookups while the block runs; None changes nothing.

    Args:
        settings: what is rounded, and how.
        model: an encoder with its head; its weights are not touched, gradients pass straight through the rounding.
        outside: extremes of the rows of the piece table that are left out of `model` for the time being.

    Raises:
        StageError: L163 a matrix is multiplied in a way that is not known here; L164 a pattern of `keep` fits no module.
    """
    if settings is None:
        yield None
        return
    imitation = Imitation(settings, *_parts(model, settings), outside, _first_piece_alone(model))
    changed: list[Any] = [model, *imitation.products.values(), *imitation.tables.values()]
    imitation.begin(model)
    try:
        yield imitation
    finally:
        for module in changed:
            module.__dict__.pop("forward", None)  # the instance's; the class's own is seen again


@dataclass
class Imitation:
    """What is rounded, by the names of the modules, and the mask of the batch that is being answered."""

    settings: QuantizationAware
    products: dict[str, nn.Module]
    tables: dict[str, nn.Embedding]
    kept: Sequence[str]
    outside: Extremes
    first: Sequence[nn.Module] = ()
    mask: Tensor | None = field(default=None, init=False)

    @property
    def facts(self) -> dict[str, Any]:
        """Return what the report tells."""
        told = self.settings.model_dump(exclude={"keep"})
        return {**told, "products": len(self.products), "tables": len(self.tables), "kept": list(self.kept)}

    def begin(self, model: Any) -> None:
        """Put rounding forward passes into the modules, and let the model tell its mask."""
        pieces = model.get_input_embeddings()
        for module in self.products.values():
            _replace(module, partial(self.multiply, module))
        for name, table in self.tables.items():
            look_up = partial(self.look_up, table, self.outside if table is pieces else nothing_else)
            _replace(table, self._second_sentences(table, look_up) if name.endswith(TYPE_TABLE) else look_up)
        _replace(model, self._telling(model.forward))

    def multiply(self, module: Any, values: Tensor | Codes) -> Tensor:
        """Return values times a module's matrix, plus its bias: MatMulInteger, then Mul and Add in float."""
        inputs = values if isinstance(values, Codes) else round_activations(values, self._seen(module, values))
        weight = module.matrix() if hasattr(module, "matrix") else module.weight
        bits = 7 if self.settings.reduce_range else 8
        matrix = round_matrix(weight, bits=bits, per_channel=self.settings.per_channel)
        product = nn.functional.linear(inputs.whole, matrix.whole) * (inputs.scale * matrix.scale.flatten())
        bias: Tensor | None = getattr(module, "bias", None)
        return product if bias is None else product + bias

    def look_up(self, table: Any, outside: Extremes, ids: Tensor) -> Tensor:
        """Return the rows of ids, rounded by the range of the whole table; of a factorized table, projected."""
        rows = nn.functional.embedding(ids, table.weight, table.padding_idx)
        low, high = outside()
        weight = table.weight.detach()
        found = round_rows(rows, weight.min().clamp(max=low), weight.max().clamp(min=high))
        projection = getattr(table, "projection", None)
        if projection is None:
            return found.values
        # In the graph the product reads the rows' codes as they are, without another rounding.
        answer: Tensor = projection(found if "forward" in vars(projection) else found.values)
        return answer

    def _seen(self, module: nn.Module, values: Tensor) -> Tensor | None:
        """Return which places of (rows, length, width) a product's range is taken over: 1 there, (rows, length); None for all."""
        if values.ndim == 3 and any(module is each for each in self.first):
            first = values.new_zeros(values.shape[:2])
            first[:, 0] = 1.0
            return first
        fits = self.mask is not None and values.ndim == 3 and values.shape[:2] == self.mask.shape
        return self.mask if fits else None

    def _telling(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(forward)
        def telling(*given: Any, **inputs: Any) -> Any:
            self.mask = inputs.get("attention_mask")
            return forward(*given, **inputs)

        return telling

    def _second_sentences(self, table: nn.Embedding, look_up: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        """Round only where there are two sentences; else the graph holds the one row that is read, as it is."""
        plain = table.forward

        def forward(ids: Tensor) -> Tensor:
            return look_up(ids) if bool(ids.any()) else plain(ids)

        return forward


def _parts(model: nn.Module, settings: QuantizationAware) -> tuple[dict[str, nn.Module], dict[str, nn.Embedding], list[str]]:
    """Return the modules that multiply, those that look up, and the names of those that stay in float."""
    products: dict[str, nn.Module] = {}
    tables: dict[str, nn.Embedding] = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Embedding):
            tables[name] = module
        elif isinstance(module, nn.Linear) or hasattr(module, "matrix"):
            products[name] = module
        elif any(value.ndim == 2 for value in module.parameters(recurse=False)):
            sentence = f"{name} is a {type(module).__name__}, and how it multiplies with its matrix is not known here"
            raise StageError("L163", sentence, "leave train.quantization_aware out")
    for pattern in settings.keep:
        if not any(_fits(name, pattern) for name in (*products, *tables)):
            example = node_path(next(iter(products), "none"))
            raise StageError("L164", f"quantization_aware.keep: {pattern} fits nothing", f"names look like {example}/MatMul")
    kept = [name for name in (*products, *tables) if any(_fits(name, pattern) for pattern in settings.keep)]
    products = {name: module for name, module in products.items() if name not in kept}
    tables = {name: module for name, module in tables.items() if name not in kept} if settings.embeddings else {}
    return products, tables, kept


def _first_piece_alone(model: nn.Module) -> list[nn.Module]:
    """Return the products of the last layer that the graph computes for the first piece alone: all but keys and values."""
    if not type(model).__name__.endswith(FIRST_PIECE_HEADS) or not is_layered(model):
        return []
    last = describe(model).parts[-1]
    return [] if last.naming.causal else [last.query, last.attention_output, last.intermediate, last.output]


def node_path(name: str) -> str:
    """Return how the exporter names a module's nodes: bert.layer.0.dense becomes /bert/layer.0/dense."""
    return "/" + re.sub(r"\.(?!\d)", "/", name)


def _fits(name: str, pattern: str) -> bool:
    return any(fnmatch(f"{node_path(name)}/{operator}", pattern) for operator in ("MatMul", "Gather"))


def _replace(module: Any, forward: Callable[..., Any]) -> None:
    """Give one module a forward pass of its own."""
    module.forward = forward
