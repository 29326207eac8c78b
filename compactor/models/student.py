"""Builds students: layers copied, or a new and narrower model, projected or random."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from compactor.base.errors import StageError
from compactor.models.families import Encoder, describe
from compactor.models.loading import from_config
from compactor.models.transformer import StudentSettings, kept_layers
from compactor.models.widths import FIELD, write_widths

if TYPE_CHECKING:
    from compactor.tasks import Task


def build(
    teacher: Any, settings: StudentSettings, *, task: Task, batches: Iterable[Mapping[str, np.ndarray]], seed: int
) -> tuple[Any, dict[str, Any]]:
    """Build a student, see `compactor.models.transformer.build_student`."""
    torch.manual_seed(seed)
    encoder = describe(teacher)
    kept = kept_layers(settings.layers, len(encoder.parts))
    if len(kept) > len(encoder.parts) or max(kept) >= len(encoder.parts):
        raise StageError(
            "L170", f"the student wants layers {kept}, the teacher has {len(encoder.parts)}", "layers count from 0"
        )
    facts: dict[str, Any] = {"init": settings.init, "kept_layers": list(kept)}
    if settings.init == "teacher-layers":
        student = copy_layers(teacher, kept)
    else:
        student = from_config(_config(teacher, encoder, settings, len(kept)), task)
        if settings.init == "pca":
            from compactor.models.projection import project

            facts |= project(teacher, student, kept, batches)
    shape = describe(student)
    facts |= {"hidden": shape.hidden, "heads": shape.parts[0].heads, "intermediate": shape.parts[0].intermediate.out_features}
    return student.eval(), facts


def copy_layers(teacher: Any, kept: tuple[int, ...]) -> Any:
    """Return a copy of a model that has only these layers, in this order."""
    student = copy.deepcopy(teacher)
    encoder = describe(student)
    parent, _, name = encoder.layers_path.rpartition(".")
    layers = nn.ModuleList(copy.deepcopy(encoder.layers[number]) for number in kept)
    setattr(student.get_submodule(parent), name, layers)
    write_widths(student)
    return student.requires_grad_(True)


def _config(teacher: Any, encoder: Encoder, settings: StudentSettings, layers: int) -> Any:
    """Return the teacher's configuration with the student's shape."""
    config = copy.deepcopy(teacher.config)
    if hasattr(config, FIELD):
        delattr(config, FIELD)
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
    config.num_hidden_layers, config.num_attention_heads = layers, heads
    narrow_embeddings = getattr(config, "embedding_size", None) not in {None, encoder.hidden}
    config.hidden_size = hidden
    if hasattr(config, "embedding_size") and not narrow_embeddings:
        config.embedding_size = hidden
    config.__setattr__(
        "hidden_dim" if hasattr(config, "hidden_dim") else "intermediate_size",
        settings.intermediate or round(hidden * proportion),
    )
    return config
