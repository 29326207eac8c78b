"""What a transformer is made of, found by its structure: embeddings, layers, and the matrices of each layer.

Covers post-norm encoders built like BERT (BERT, RoBERTa, XLM-RoBERTa, CamemBERT, ELECTRA) and like DistilBERT, decoders built like
Llama (Llama, Qwen2) that classify, and pre-norm encoders of images (ViT, DeiT). A new family is one more `Naming` in
`compactor.models.naming`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from torch import nn

from compactor.base.errors import StageError
from compactor.models.naming import NAMINGS, Naming

# What the families of `compactor.models.own_models` are called in config.json before their own name.
OWN = "compactor-"


@dataclass(frozen=True)
class Layer:
    """The parts of one layer; all are the model's own modules, not copies.

    Attributes:
        module: the layer itself.
        attention: the module that knows the head size, and the head count (attribute `naming.heads`) where it keeps one.
        query: linear map, hidden → heads * head size.
        key, value: linear maps, hidden → kv_heads * head size.
        attention_output: linear map, heads * head size → hidden.
        attention_norm, output_norm: norms over hidden; after attention and feed-forward part, or before them in a pre-norm model.
        intermediate, output: the feed-forward maps, hidden → intermediate → hidden.
        gate: linear map beside `intermediate` whose activation multiplies it; None where the feed-forward part is not gated.
    """

    module: nn.Module
    naming: Naming
    attention: Any
    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    attention_output: nn.Linear
    attention_norm: nn.LayerNorm
    intermediate: nn.Linear
    output: nn.Linear
    output_norm: nn.LayerNorm
    gate: nn.Linear | None = None

    @property
    def heads(self) -> int:
        """Number of attention heads of this layer."""
        return self.query.out_features // self.head_size

    @property
    def kv_heads(self) -> int:
        """Number of heads of key and value; fewer than `heads` in grouped-query attention."""
        return self.key.out_features // self.head_size

    @property
    def group(self) -> int:
        """Number of query heads that share one head of key and value."""
        return self.heads // self.kv_heads

    @property
    def head_size(self) -> int:
        """Numbers in one head."""
        return int(getattr(self.attention, "attention_head_size", None) or self.attention.head_dim)

    @property
    def flow(self) -> tuple[tuple[nn.Linear, ...], ...]:
        """The linear maps in the order in which data passes them; those of one tuple read the same input."""
        up = (self.intermediate,) if self.gate is None else (self.gate, self.intermediate)
        return (self.query, self.key, self.value), (self.attention_output,), up, (self.output,)


@dataclass(frozen=True)
class Encoder:
    """An encoder's parts; all are the model's own modules.

    Attributes:
        model: the model with its head.
        body: the model without its head (`model.bert`, `model.distilbert` ...).
        embeddings: the embedding module; `words` its table (pieces, embedding width), `positions`, `types`, `norm`, each None where a
            family has none: decoders have the table alone, and what sees images has none of the four.
        before_layers: modules that run before the first layer: the embeddings, and ELECTRA's projection.
        layers: the list that the model runs through; `parts` describes each.
        layers_path: where the list hangs below `model`.
    """

    model: nn.Module
    body: nn.Module
    embeddings: nn.Module
    words: nn.Embedding | None
    positions: nn.Embedding | None
    types: nn.Embedding | None
    norm: nn.LayerNorm | None
    before_layers: tuple[nn.Module, ...]
    layers: nn.ModuleList
    parts: tuple[Layer, ...]
    layers_path: str

    @property
    def hidden(self) -> int:
        """Width of the residual stream."""
        return int(self.parts[0].query.in_features)

    @property
    def sees_images(self) -> bool:
        """Whether it cuts images into patches, and has no table of pieces."""
        return hasattr(self.embeddings, "patch_embeddings")

    @property
    def causal(self) -> bool:
        """Whether a piece sees only those before it, as in a decoder."""
        return self.parts[0].naming.causal


def describe(model: nn.Module) -> Encoder:
    """Describe an encoder by its structure.

    Raises:
        StageError: L120 for a model that is not built like any family known here.
    """
    found = _layers(model)
    if found is not None:
        return _encoder(model, *found)
    family = getattr(getattr(model, "config", None), "model_type", type(model).__name__)
    if str(family).startswith(OWN):
        sentence = f"a {str(family).removeprefix(OWN)} student has no layers: nothing inside it can be compared or cut"
        raise StageError("L120", sentence, "only its vocabulary can be pruned, and only answers can teach it")
    known = "BERT, DistilBERT, RoBERTa, ELECTRA, Llama, Qwen2, ViT and DeiT"
    sentence = f"the model family {family} has no embeddings and layers of a known shape"
    raise StageError("L120", sentence, f"families built like {known} are known")


def is_layered(model: nn.Module) -> bool:
    """Whether `describe` finds layers in a model."""
    return _layers(model) is not None


def piece_table(model: Any) -> nn.Embedding:
    """Return the table in which a model looks its pieces up, (pieces, width); of any family, with layers or without."""
    return cast("nn.Embedding", model.get_input_embeddings())


def _layers(model: nn.Module) -> tuple[nn.ModuleList, str, Naming] | None:
    """Return the list of layers, its path below the model, and how its family names things."""
    for path, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and len(module):
            for naming in NAMINGS:
                if _has(module[0], naming):
                    return (module, path, naming) if _has_embeddings(_body(model, path), naming) else None
    return None


def _body(model: nn.Module, path: str) -> nn.Module:
    """Return the model without its head; one without a head has its embeddings beside the layers."""
    headless = any(hasattr(model, name) for name in ("embeddings", "embed_tokens"))
    return model if headless else model.get_submodule(path.split(".")[0])


def _has_embeddings(body: nn.Module, naming: Naming) -> bool:
    """Whether what stands before the layers is known too: RoFormer turns queries and keys instead of adding positions to the pieces."""
    if naming.causal:
        return hasattr(body, "embed_tokens")
    embeddings = getattr(body, "embeddings", None)
    wanted = ("word_embeddings", "position_embeddings", "LayerNorm")
    return hasattr(embeddings, "patch_embeddings") or all(hasattr(embeddings, name) for name in wanted)


def _has(layer: nn.Module, naming: Naming) -> bool:
    try:
        _layer(layer, naming)
    except AttributeError:
        return False
    return True


def _layer(layer: nn.Module, naming: Naming) -> Layer:
    paths = {name: path for name, path in vars(naming).items() if name not in {"heads", "causal"} and path}
    return Layer(module=layer, naming=naming, **{name: layer.get_submodule(path) for name, path in paths.items()})  # type: ignore[arg-type]


def _encoder(model: nn.Module, layers: nn.ModuleList, path: str, naming: Naming) -> Encoder:
    body = _body(model, path)
    parts = tuple(_layer(layer, naming) for layer in layers)
    if naming.causal:
        words: Any = body.embed_tokens
        return Encoder(model, body, words, words, None, None, None, (words,), layers, parts, path)
    embeddings = body.get_submodule("embeddings")
    if hasattr(embeddings, "patch_embeddings"):
        return Encoder(model, body, embeddings, None, None, None, None, (embeddings,), layers, parts, path)
    types = getattr(embeddings, "token_type_embeddings", None)
    projection = getattr(body, "embeddings_project", None)
    return Encoder(
        model=model,
        body=body,
        embeddings=embeddings,
        words=embeddings.word_embeddings,  # type: ignore[arg-type]
        positions=embeddings.position_embeddings,  # type: ignore[arg-type]
        types=types if isinstance(types, nn.Embedding) else None,
        norm=embeddings.LayerNorm,  # type: ignore[arg-type]
        before_layers=(embeddings,) if projection is None else (embeddings, projection),
        layers=layers,
        parts=parts,
        layers_path=path,
    )
