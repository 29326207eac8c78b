"""Every loss of the folder through the contract of all losses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compactor.distillation.losses import LOSSES
from tests.distillation import loss_contract
from tests.distillation.losses.made import loss

# Options that send a loss down another path than its defaults do.
OTHER_OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("hinton", {"weight_by": "student-difficulty"}),
    ("hinton", {"weight_by": "teacher-confidence", "weight_share": {"from": 1, "to": 0}}),
    ("dkd", {"temperature": 1, "weight_by": "teacher-right", "weight_share": 0.5}),
    ("logit_mse", {"centred": True}),
    ("hidden_states", {"compare": "cosine", "embeddings": True}),
    ("hidden_states", {"layers": [[2, 2]], "projection": "each"}),
    ("hidden_states", {"progressive": True}),
    ("patient_kd", {"layers": "last"}),
    ("attention_transfer", {"form": "code"}),
    ("tinybert", {"attention": 0, "embeddings": 0}),
    ("mobilebert", {"progressive": True, "statistics": 0}),
    ("relational", {"of": "logits"}),
    ("relational", {"of": "mean", "angle": 0}),
    ("contrastive", {"of": "mean", "other_labels": False}),
    ("cross_entropy", {"label_smoothing": 0.1}),
]


@pytest.mark.model
@pytest.mark.parametrize("name", LOSSES.names())
def test_every_loss_keeps_the_contract(name: str) -> None:
    loss_contract.check(loss(name))


@pytest.mark.model
@pytest.mark.parametrize(("name", "options"), OTHER_OPTIONS, ids=[f"{name}-{'-'.join(more)}" for name, more in OTHER_OPTIONS])
def test_with_other_options_too(name: str, options: dict[str, Any]) -> None:
    loss_contract.check(loss(name, **options))


@pytest.mark.parametrize("name", LOSSES.names())
def test_a_loss_tells_source_inputs_neighbours_and_an_example_that_is_right(name: str) -> None:
    """The example in a loss's file is a line of a profile; it is read as one."""
    from ruamel.yaml import YAML

    from compactor.distillation.losses import parse_losses

    kind = LOSSES.load(name)
    file = Path(__import__(kind.__module__, fromlist=["__file__"]).__file__)
    text = file.read_text(encoding="utf-8").split('"""')[1]
    for part in ("What:", "Source:", "Takes:", "Neighbours:", "Example:"):
        assert part in text, part
    (term,) = parse_losses(YAML(typ="safe").load(text.split("Example:")[1]))
    assert term.name == name
