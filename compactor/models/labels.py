"""The label order of a checkpoint against the label order of the data: the head's rows are put into the data's order."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from compactor.base.errors import StageError
from compactor.base.finding import Finding

SHOWN = 4


def align_labels(model: Any, labels: tuple[str, ...], folder: Path) -> tuple[Finding, ...]:
    """Reorder the rows of a model's head to the data's labels, in place.

    Names are compared as they are, then without case and punctuation, then by number (`LABEL_3`, or data whose labels are the
    numbers 0 to n-1).

    Args:
        model: a classifier of transformers with `config.id2label`.
        labels: label names of the data, in the data's order.
        folder: named in errors.

    Returns:
        A finding when names were matched by more than plain equality.

    Raises:
        StageError: L106 when the two lists do not name the same labels.
    """
    own = [str(model.config.id2label[number]) for number in range(len(model.config.id2label))]
    order, how = _match(own, list(labels))
    if order is None:
        raise StageError(
            "L106",
            f"the labels of {folder} ({_shown(own)}) are not those of the data ({_shown(labels)})",
            "use data with the checkpoint's labels, name them in id2label of its config.json, or fine-tune it (teacher.train)",
        )
    if order != list(range(len(order))):
        reorder_head(model, order)
    model.config.id2label = dict(enumerate(labels))
    model.config.label2id = {label: number for number, label in enumerate(labels)}
    if how:
        sentence = f"labels of the checkpoint and the data were matched {how}: {own[order[0]]} is {labels[0]}"
        return (Finding("L109", "note", sentence, "check that this is what you mean", str(folder)),)
    return ()


def reorder_head(model: nn.Module, order: list[int]) -> None:
    """Put row `order[i]` of the last linear map at row i."""
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    if last.out_features != len(order):
        raise StageError(
            "L106", f"the model's last linear map has {last.out_features} rows, not {len(order)}", "is it a classifier?"
        )
    rows = torch.tensor(order)
    with torch.no_grad():
        last.weight.copy_(last.weight[rows])
        if last.bias is not None:
            last.bias.copy_(last.bias[rows])


def _match(own: list[str], wanted: list[str]) -> tuple[list[int] | None, str]:
    """Return, for each wanted label, the row of the head that stands for it, and how the names were matched."""
    ways: tuple[tuple[str, Callable[[str], str]], ...] = (("", str), ("without case and punctuation", _plain))
    for how, form in ways:
        rows = {form(name): number for number, name in enumerate(own)}
        if (
            len(rows) == len(own)
            and len({form(name) for name in wanted}) == len(wanted)
            and set(rows) == {form(name) for name in wanted}
        ):
            return [rows[form(name)] for name in wanted], how
    numbers = [str(number) for number in range(len(own))]
    generic = all(re.fullmatch(r"LABEL_\d+", name) for name in own)
    if sorted(wanted) == sorted(numbers):
        return [int(name) for name in wanted], "" if generic else "by number"
    return None, ""


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _shown(names: list[str] | tuple[str, ...]) -> str:
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)}: {', '.join(names[:SHOWN])}{more}"
