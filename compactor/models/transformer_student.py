"""Builds transformer students: layers copied, a new and narrower model, projected or random, or another architecture."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from compactor.base.errors import StageError
from compactor.models.factorized import FIELD as FACTORIZED
from compactor.models.factorized import factorize
from compactor.models.families import Encoder, describe, is_layered, piece_table
from compactor.models.layers import KINDS, keep_layers
from compactor.models.loading import from_config
from compactor.models.sentence_layout import FIELD as LAYOUT
from compactor.models.students.transformer import TransformerStudent, kept_layers
from compactor.models.tokenizer import OFFSET_POSITIONS
from compactor.models.widths import FIELD

if TYPE_CHECKING:
    from compactor.tasks import Task


def build(
    teacher: Any, settings: TransformerStudent, *, task: Task, batches: Iterable[Mapping[str, np.ndarray]], seed: int
) -> tuple[Any, dict[str, Any]]:
    """Build a student, see `compactor.models.students.build_student`.

    Raises:
        StageError: L170 the shape does not fit the teacher, L241 nor does the way of projecting, L173 the configuration cannot be used,
            L174 the piece table cannot be factorized so.
    """
    torch.manual_seed(seed)
    if settings.config is not None:
        return _of_config(teacher, settings.config, task)
    encoder, rows = describe(teacher), list(batches)
    kept = kept_layers(settings.layers, len(encoder.parts))
    if len(kept) > len(encoder.parts) or max(kept) >= len(encoder.parts):
        raise StageError(
            "L170",
            f"the student wants {settings.layers} of the teacher's layers, which has {len(encoder.parts)}",
            f"set distill.student.layers to {len(encoder.parts)} or fewer; numbers of layers count from 0",
        )
    facts: dict[str, Any] = {"init": settings.init}
    if settings.choose == "best":
        from compactor.models.best_layers import best_layers

        kept, facts["search"] = best_layers(teacher, len(kept), rows)
    facts["kept_layers"] = list(kept)
    if settings.init == "pca" and encoder.norm is None:
        sentence = "init: pca fits layer norms behind the layers, and this teacher's stand before them"
        raise StageError("L241", sentence, "copy its layers (init: teacher-layers) and prune, or set init: random")
    if settings.init == "teacher-layers":
        student = copy_layers(teacher, kept)
    else:
        student = from_config(_config(teacher, encoder, settings, kept), task)
        if settings.init == "pca":
            from compactor.models.projection import project

            facts |= project(teacher, student, kept, rows)
    if settings.embedding is not None:
        facts["embedding"] = _factorized(student, settings.embedding)
    shape = describe(student)
    facts |= {"hidden": shape.hidden, "heads": shape.parts[0].heads, "intermediate": shape.parts[0].intermediate.out_features}
    return student.eval(), facts


def _factorized(student: Any, narrow: int) -> dict[str, Any]:
    """Factorize the piece table, unless it is no wider than that already; return what became of it."""
    width = piece_table(student).weight.shape[1]
    if width <= narrow:
        return {"width": width, "energy_kept": 1.0}
    return {"width": narrow, "energy_kept": round(factorize(student, narrow), 4)}


def copy_layers(teacher: Any, kept: tuple[int, ...]) -> Any:
    """Return a copy of a model that has only these layers, in this order."""
    student = copy.deepcopy(teacher)
    keep_layers(student, kept)
    return student.requires_grad_(True)


def _of_config(teacher: Any, wanted: dict[str, Any], task: Task) -> tuple[Any, dict[str, Any]]:
    """Build a model of any architecture that transformers knows, with random weights; it reads the teacher's pieces."""
    from transformers import AutoConfig

    given = {name: value for name, value in wanted.items() if name != "model_type"}
    given |= {"vocab_size": piece_table(teacher).num_embeddings, "pad_token_id": teacher.config.pad_token_id}
    given |= {"id2label": dict(teacher.config.id2label), "label2id": dict(teacher.config.label2id)}
    if hasattr(teacher.config, LAYOUT):  # vectors of the teacher's dimension, whatever the student's own width
        given[LAYOUT] = getattr(teacher.config, LAYOUT)
    try:
        config = AutoConfig.for_model(wanted["model_type"], **given)
        student = from_config(config, task)
    except (ValueError, TypeError, KeyError) as error:
        sentence = f"the student's config cannot be used: {str(error).splitlines()[0]}"
        raise StageError("L173", sentence, "see the configuration class of that model_type in transformers") from error
    facts: dict[str, Any] = {"init": "random", "model_type": wanted["model_type"]}
    if is_layered(student):
        shape = describe(student)
        facts |= {"layers": len(shape.parts), "hidden": shape.hidden, "heads": shape.parts[0].heads}
    return student.eval(), facts


def longest_of(wanted: dict[str, Any]) -> int | None:
    """Return the most pieces of a text for which a student's configuration has positions; None where it does not tell."""
    from transformers import AutoConfig

    given = dict(wanted)
    try:
        config = AutoConfig.for_model(given.pop("model_type"), **given)
    except (ValueError, TypeError, KeyError):
        return None  # told when the student is built
    positions = getattr(config, "max_position_embeddings", None)
    return positions - OFFSET_POSITIONS.get(config.model_type, 0) if isinstance(positions, int) else None


def _config(teacher: Any, encoder: Encoder, settings: TransformerStudent, kept: tuple[int, ...]) -> Any:
    """Return the teacher's configuration with the student's shape."""
    config = copy.deepcopy(teacher.config)
    for field in (FIELD, FACTORIZED):
        if hasattr(config, field):
            delattr(config, field)
    first = encoder.parts[0]
    hidden = settings.hidden or encoder.hidden
    heads = settings.heads or max(1, hidden // first.head_size)
    if hidden > encoder.hidden and settings.init == "pca":
        raise StageError(
            "L170", f"the student is wider ({hidden}) than the teacher ({encoder.hidden})", "make it narrower, or init: random"
        )
    if hidden % heads:
        sentence = f"{heads} heads of {first.head_size} do not fill a width of {hidden}"
        raise StageError("L170", sentence, f"choose a hidden width that {first.head_size} divides, or name heads")
    proportion = first.intermediate.out_features / encoder.hidden
    config.num_hidden_layers, config.num_attention_heads = len(kept), heads
    if getattr(config, "num_key_value_heads", None):  # of a decoder: each serves as many heads as another
        config.num_key_value_heads = gcd(heads, config.num_key_value_heads)
    if getattr(config, KINDS, None):
        setattr(config, KINDS, [getattr(config, KINDS)[number] for number in kept])
    narrow_embeddings = getattr(config, "embedding_size", None) not in {None, encoder.hidden}
    config.hidden_size = hidden
    if hasattr(config, "embedding_size") and not narrow_embeddings:
        config.embedding_size = hidden
    config.__setattr__(
        "hidden_dim" if hasattr(config, "hidden_dim") else "intermediate_size",
        settings.intermediate or round(hidden * proportion),
    )
    return config
