"""Every loss of the folder through the contract of all losses."""

from __future__ import annotations

from dataclasses import replace
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
    ("mobilebert", {"progressive": True, "variance": 0}),
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


# For each option a value other than its default, and what else must be set for it to mean something.
OTHER_VALUES: dict[str, tuple[Any, dict[str, Any]]] = {
    "temperature": (3.0, {}),
    "weight_by": ("teacher-confidence", {}),
    "weight_share": (0.5, {"weight_by": "teacher-right"}),
    "label_smoothing": (0.1, {}),
    "beta": (0.3, {}),
    "skew": (0.4, {}),
    "target_weight": (3.0, {}),
    "other_weight": (3.0, {}),
    "centred": (True, {}),
    "layers": ([[1, 2]], {}),
    "progressive": (True, {"layers": [[1, 1], [2, 2]]}),
    "compare": ("cosine", {}),
    "projection": ("each", {}),
    "embeddings": (3.0, {}),
    "form": ("code", {}),
    "attention": (3.0, {}),
    "hidden": (3.0, {}),
    "feature_map": (3.0, {}),
    "mean": (3.0, {}),
    "variance": (3.0, {}),
    "heads": (2, {}),
    "student_layer": (0, {}),
    "teacher_layer": (0, {}),
    "distance": (3.0, {}),
    "angle": (3.0, {}),
    "of": ("mean", {}),
    "size": (16, {}),
    "other_labels": (False, {}),
}
OPTIONS = [(name, option) for name in LOSSES.names() for option in LOSSES.load(name).model_fields]


@pytest.mark.model
@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=[f"{name}-{option}" for name, option in OPTIONS])
def test_no_option_is_silently_ignored(name: str, option: str) -> None:
    """Another value of an option gives another loss; a new option without a line above fails here."""
    value, beside = OTHER_VALUES[option]
    value = True if (name, option) == ("hidden_states", "embeddings") else value
    values = []
    for term in (loss(name, **beside), loss(name, **beside, **{option: value})):
        given = loss_contract.batch(loss=term, student_width=12, progress=0.0)
        values.append(loss_contract.mean(term, given).item())
    assert abs(values[0] - values[1]) > 1e-6


@pytest.mark.model
@pytest.mark.parametrize("name", LOSSES.names())
def test_gradients_by_finite_differences(name: str) -> None:
    """In double precision, to all of the student's outputs and to the matrices trained along."""
    import torch

    term = loss(name)
    given = loss_contract.batch(loss=term, student_width=12, padded=2)

    def double(tensor: Any) -> Any:
        return tensor.detach().double()

    student, teacher = (loss_contract.changed(outputs, double, double) for outputs in (given.student, given.teacher))
    given = replace(given, student=student, teacher=teacher)
    if given.labels.is_floating_point():
        given = replace(given, labels=given.labels.double())
    points = [*loss_contract.leaves(student), *map(double, given.parameters.values())]

    def value(*tensors: Any) -> Any:
        left = iter(tensors)
        moved = loss_contract.changed(student, lambda _: next(left), lambda _: next(left))
        return loss_contract.mean(term, replace(given, student=moved, parameters={key: next(left) for key in given.parameters}))

    assert torch.autograd.gradcheck(value, tuple(point.requires_grad_(True) for point in points), fast_mode=True)


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


@pytest.mark.parametrize("name", LOSSES.names())
def test_a_loss_stands_in_the_table_of_methods(name: str) -> None:
    page = (Path(__file__).parents[3] / "docs" / "methods.md").read_text(encoding="utf-8")
    rows = [line for line in page.split("## Losses")[1].split("\n## ")[0].splitlines() if line.startswith("| `")]
    assert sum(f"`{name}`" in row.split("|")[1] for row in rows) == 1
