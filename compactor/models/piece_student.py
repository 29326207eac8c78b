"""Builds static and convolutional students: first piece vectors from an encoder, the rest random."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from compactor.base.errors import StageError
from compactor.models.factorized import whole_table
from compactor.models.families import piece_table
from compactor.models.piece_vectors import (
    encoder_vectors,
    piece_shares,
    reduced,
    smooth_inverse_frequency,
    spelt,
)
from compactor.models.students import ConvStudent, StaticStudent
from compactor.models.tokenizer import load_tokenizer, pad_id

if TYPE_CHECKING:
    from compactor.models.piece_model import PieceModel
    from compactor.tasks import Task

Batches = Iterable[Mapping[str, np.ndarray]]


def build_piece_student(
    teacher: Any,
    settings: StaticStudent | ConvStudent,
    *,
    task: Task,
    batches: Batches,
    seed: int,
    tokenizer: Path | None,
    encoder: Path | None,
) -> tuple[Any, dict[str, Any]]:
    """Build a student without layers, see `compactor.models.students.build_student`.

    Raises:
        StageError: L171 the task wants another head; L172 the tokenizer is not known.
    """
    from compactor.models.loading import from_config

    if settings.heads_known is not None and task.model_class not in settings.heads_known:
        raise StageError("L171", f"a {settings.family} student has no head for {task.name}", "use family: transformer")
    if tokenizer is None:
        raise StageError("L172", f"a {settings.family} student is built from pieces, and no tokenizer is given", "")
    torch.manual_seed(seed)
    pieces = piece_table(teacher).num_embeddings
    model = from_config(_config(teacher, settings, pieces, pad_id(tokenizer)), task)
    facts: dict[str, Any] = {"init": settings.init, "hidden": settings.hidden, "pieces": pieces}
    if settings.init != "random":
        table, share = _first_table(teacher, settings, tokenizer, encoder)
        facts["variance_kept"] = round(share, 4)
        with torch.no_grad():
            piece_table(model).weight.copy_(table)
            piece_table(model).weight[model.padding] = 0.0
    if isinstance(settings, StaticStudent):
        _weigh(model, piece_shares(batches, pieces), settings.frequency)
    return model.eval(), facts


def _config(teacher: Any, settings: StaticStudent | ConvStudent, pieces: int, padding: int) -> Any:
    from compactor.models.conv_model import ConvConfig
    from compactor.models.static_model import StaticConfig

    common = {
        "vocab_size": pieces,
        "hidden_size": settings.hidden,
        "head": settings.head,
        "dropout": settings.dropout,
        "pad_token_id": padding,
        "id2label": dict(teacher.config.id2label),
        "label2id": dict(teacher.config.label2id),
        "problem_type": getattr(teacher.config, "problem_type", None),
    }
    if isinstance(settings, StaticStudent):
        return StaticConfig(bigrams=settings.bigrams + 1 if settings.bigrams else 0, piece_weights=True, **common)
    return ConvConfig(widths=settings.widths, filters=settings.filters, **common)


def _first_table(
    teacher: Any, settings: StaticStudent | ConvStudent, tokenizer: Path, encoder: Path | None
) -> tuple[Tensor, float]:
    """Return the first piece table (pieces, hidden), and the share of the variance that it keeps."""
    own = load_tokenizer(tokenizer)
    names = [own.id_to_token(number) or "" for number in range(piece_table(teacher).num_embeddings)]
    if encoder is None:
        model, reader, padding = teacher, own, pad_id(tokenizer)
    else:
        model, reader, padding = _read(encoder), load_tokenizer(encoder), pad_id(encoder)
    rows = spelt(reader, names, alone=True)
    # A table may have more rows than the tokenizer has pieces (Qwen2's is padded): like special pieces, they are no words.
    special = {*_special(own), *(number for number, row in enumerate(rows) if not row)}
    if settings.init == "encoder":
        return reduced(encoder_vectors(model, spelt(reader, names), padding), settings.hidden, special)
    table = whole_table(piece_table(model)).float()
    return reduced(torch.stack([table[row or [padding]].mean(dim=0) for row in rows]), settings.hidden, special)


def _read(folder: Path) -> Any:
    """Read an encoder without its head: float32, eager attention."""
    from transformers import AutoModel

    from compactor.models.checkpoint import check_folder
    from compactor.models.quiet import quiet_transformers

    check_folder(folder)
    with quiet_transformers():
        return AutoModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, attn_implementation="eager"
        ).float()


def _special(tokenizer: Any) -> list[int]:
    """Return the ids of pieces that are no words."""
    return sorted(number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special)


def _weigh(model: PieceModel, shares: Tensor, smoothing: float) -> None:
    """Give each piece its first weight."""
    with torch.no_grad():
        model.weights.copy_(smooth_inverse_frequency(shares, smoothing))
