"""Losses that relate the rows of a batch: against enumeration of pairs and triples, and what they must not see."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from tests.distillation.loss_contract import LENGTH, ROWS, batch, mean, rows_of
from tests.distillation.losses.made import loss

pytestmark = pytest.mark.model


def vectors(outputs: Any, of: str, padded: int) -> np.ndarray:
    """Return one vector a text, float64."""
    if of == "logits":
        chosen = outputs.logits
    else:
        states = outputs.hidden_states[-1]
        chosen = states[:, 0] if of == "first" else states[:, : LENGTH - padded].mean(dim=1)
    values: np.ndarray = chosen.detach().numpy()
    return values.astype(np.float64)


def smooth(gap: float) -> float:
    return 0.5 * gap**2 if abs(gap) < 1 else abs(gap) - 0.5


@pytest.mark.parametrize("of", ["first", "mean", "logits"])
def test_distances_and_angles_by_enumeration(of: str) -> None:
    given = batch(student_width=16, padded=2)
    own, taught = (vectors(outputs, of, 2) for outputs in (given.student, given.teacher))
    pairs = list(permutations(range(ROWS), 2))
    lengths = [np.array([np.linalg.norm(x[i] - x[j]) for i, j in pairs]) for x in (own, taught)]
    first, second = (length / length.mean() for length in lengths)
    distance = float(np.mean([smooth(gap) for gap in first - second]))

    def cosine(x: np.ndarray, i: int, j: int, k: int) -> float:
        a, b = x[i] - x[j], x[k] - x[j]
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    triples = list(permutations(range(ROWS), 3))
    angle = float(np.mean([smooth(cosine(own, *three) - cosine(taught, *three)) for three in triples]))
    assert mean(loss("relational", of=of, angle=0), given).item() == pytest.approx(distance, rel=1e-4)
    assert mean(loss("relational", of=of, distance=0, angle=1), given).item() == pytest.approx(angle, rel=1e-4)
    both = mean(loss("relational", of=of, distance=3, angle=5), given).item()
    assert both == pytest.approx(3 * distance + 5 * angle, rel=1e-4)


def test_relations_do_not_see_a_rotation_a_shift_or_another_size() -> None:
    import torch

    given = batch()
    turn = torch.linalg.qr(torch.randn(24, 24, generator=torch.Generator().manual_seed(3)))[0]
    states = tuple(2.5 * state.detach() @ turn + 1 for state in given.teacher.hidden_states)
    moved = replace(given, student=replace(given.student, hidden_states=states))
    assert mean(loss("relational"), moved).item() < 1e-8
    assert mean(loss("hidden_states"), moved).item() > 1


def test_equal_texts_do_not_break_the_gradient() -> None:
    """The direction between two equal rows is nothing; the square root at zero has no gradient."""
    import torch

    given = rows_of(batch(), [0, 0, 1, 2])
    gradient = torch.autograd.grad(mean(loss("relational"), given), given.student.hidden_states[-1])[0]
    assert bool(gradient.isfinite().all())
    assert float(gradient.abs().max()) < 10


def test_contrastive_is_torchs_cross_entropy_of_finding_ones_own() -> None:
    import torch
    from torch.nn import functional as F

    term = loss("contrastive", other_labels=False, temperature=0.2, size=16)
    given = batch(loss=term)
    own, taught = (
        F.normalize(outputs.hidden_states[-1][:, 0] @ given.parameters[side].T, dim=-1)
        for outputs, side in ((given.student, "student"), (given.teacher, "teacher"))
    )
    table, same = own @ taught.T / 0.2, torch.arange(ROWS)
    assert torch.allclose(mean(term, given), (F.cross_entropy(table, same) + F.cross_entropy(table.T, same)) / 2, rtol=1e-5)


def test_contrastive_is_lower_when_texts_meet_their_own_than_others() -> None:
    import torch

    term = loss("contrastive")
    given = batch(loss=term)
    alike = replace(given, teacher=given.student, parameters={"student": torch.eye(24), "teacher": torch.eye(24)})
    shuffled = replace(alike, teacher=rows_of(alike, [1, 2, 3, 4, 5, 0]).teacher)
    assert mean(term, alike).item() < mean(term, shuffled).item() / 10


def test_texts_of_one_label_are_no_negatives() -> None:
    import torch

    with_labels, without = loss("contrastive"), loss("contrastive", other_labels=False)
    given = batch(loss=with_labels)
    same = replace(given, labels=torch.zeros(ROWS, dtype=torch.int64))
    assert mean(with_labels, same).item() == pytest.approx(0.0, abs=1e-6)  # nothing is left to tell it from
    unlabelled = replace(given, labels=torch.full((ROWS,), -1))
    assert torch.allclose(mean(with_labels, unlabelled), mean(without, unlabelled))
    assert mean(with_labels, given).item() < mean(without, given).item()  # labels 0..4 and 0 again: one pair is left out
