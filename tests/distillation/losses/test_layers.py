"""Losses on hidden states: pairs of layers, projections, and each formula written out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from compactor.distillation.losses import LOSSES, Shape
from tests.distillation.loss_contract import LENGTH, ROWS, WIDTH, batch, mean, shape
from tests.distillation.losses.made import loss

LAYERED = ["hidden_states", "fitnets", "patient_kd", "attention_transfer", "tinybert", "mobilebert"]


def test_pairs() -> None:
    def pairs(student: int, teacher: int, **options: Any) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = loss("hidden_states", **options).pairs(student, teacher)
        return found

    assert pairs(3, 6) == [(1, 2), (2, 4), (3, 6)]
    assert pairs(4, 6)[-1] == (4, 6)
    assert pairs(6, 2)[0] == (1, 1)  # never the embeddings
    assert pairs(3, 12, layers="last") == [(3, 12)]
    assert pairs(3, 12, layers="top") == [(1, 10), (2, 11), (3, 12)]
    assert pairs(3, 12, layers="middle") == [(2, 6)]
    assert pairs(3, 12, layers=[[1, 5], [0, 0]]) == [(1, 5), (0, 0)]
    assert pairs(2, 12, embeddings=True) == [(0, 0), (1, 6), (2, 12)]


def test_patient_distillation_leaves_the_last_layer_to_the_logits() -> None:
    """Sun et al. 2019: of 12 teacher layers a student of 6 follows 2, 4, 6, 8, 10 (skip) or 7 to 11 (last)."""
    assert [teacher for _, teacher in loss("patient_kd").pairs(6, 12)] == [2, 4, 6, 8, 10]
    assert [teacher for _, teacher in loss("patient_kd", layers="top").pairs(6, 12)] == [7, 8, 9, 10, 11]
    assert loss("patient_kd", layers=[[6, 12]]).pairs(6, 12) == [(6, 12)]
    assert "below the last" in next(iter(loss("patient_kd").unfit(shape(layers=1), shape(layers=6))))


@pytest.mark.parametrize("name", LAYERED)
def test_models_without_such_layers_are_refused_with_a_sentence(name: str) -> None:
    bag = Shape(0, 0, labels=5)
    assert list(loss(name).unfit(bag, shape())) == ["the student has no layers"]
    assert list(loss(name).unfit(shape(), bag)) == ["the teacher has no layers"]
    told = next(iter(loss(name, layers=[[1, 9]]).unfit(shape(), shape())))
    assert "layer 9 is named for the teacher" in told
    assert "to 2" in told
    assert "at least the student's 6" in next(iter(loss(name, layers="top").unfit(shape(layers=6), shape())))


@pytest.mark.parametrize("name", ["minilm", "minilm_relations", "relational", "contrastive"])
def test_so_do_the_others_that_look_inside(name: str) -> None:
    told = list(loss(name).unfit(Shape(0, 0), shape()))
    assert len(told) == 1
    assert told[0].startswith("the student")


@pytest.mark.parametrize("layers", ["frist", [], [[1]], [[1, -1]], [[1, 2, 3]]])
def test_other_layers_are_refused(layers: object) -> None:
    with pytest.raises(ValidationError):
        loss("hidden_states", layers=layers)


@pytest.mark.model
def test_pairs_join_one_after_the_other() -> None:
    term = loss("hidden_states", progressive=True)
    seen = [len(term.active(batch(layers=4, progress=progress))) for progress in (0.0, 0.24, 0.26, 0.6, 0.8, 1.0)]
    assert seen == [1, 1, 2, 3, 4, 4]
    given = batch(layers=4, progress=0.0)
    mean(term, given).backward()
    taught = [state.grad is not None for state in given.student.hidden_states]
    assert taught == [False, True, False, False, False]


@pytest.mark.model
def test_hidden_states_are_torchs_mean_squared_error_of_each_pair() -> None:
    import torch
    from torch.nn import functional as F

    given = batch()
    pairs = zip(given.student.hidden_states[1:], given.teacher.hidden_states[1:], strict=True)
    oracle = torch.stack([F.mse_loss(own, taught) for own, taught in pairs]).mean()
    assert torch.allclose(mean(loss("hidden_states"), given), oracle, rtol=1e-5)


@pytest.mark.model
def test_distilberts_cosine_is_torchs_over_real_pieces() -> None:
    """Sanh et al. 2019: cosine_embedding_loss of the last states of the selected (real) pieces."""
    import torch
    from torch.nn import functional as F

    given, padded = batch(padded=3), 3
    own, taught = (outputs.hidden_states[-1][:, :-padded].reshape(-1, WIDTH) for outputs in (given.student, given.teacher))
    oracle = F.cosine_embedding_loss(own, taught, torch.ones(len(own)))
    assert torch.allclose(mean(loss("hidden_states", layers="last", compare="cosine"), given), oracle, rtol=1e-5)


@pytest.mark.model
@pytest.mark.parametrize("projection", ["shared", "each"])
def test_hidden_states_of_another_width_are_projected(projection: str) -> None:
    import torch

    term = loss("hidden_states", projection=projection)
    given = batch(loss=term, student_width=16)
    sizes = term.parameters(given.student.shape, given.teacher.shape)
    assert set(sizes.values()) == {(24, 16)}
    assert len(sizes) == (1 if projection == "shared" else 2)
    assert term.parameters(shape(), shape()) == {}
    solved = {}
    for number, name in enumerate(sizes, start=1):
        own, taught = (outputs.hidden_states[number].detach() for outputs in (given.student, given.teacher))
        solved[name] = torch.linalg.lstsq(own.reshape(-1, 16), taught.reshape(-1, 24)).solution.T
    with torch.no_grad():
        assert float(mean(term, replace(given, parameters=solved))) < float(mean(term, given))


@pytest.mark.model
def test_a_hint_goes_through_a_regressor_even_where_widths_are_equal() -> None:
    import torch
    from torch.nn import functional as F

    term = loss("fitnets")
    given = batch(loss=term)
    assert term.parameters(shape(), shape()) == {"projection": (WIDTH, WIDTH)}
    own = given.student.hidden_states[1] @ given.parameters["projection"].T  # the first of two layers is the middle one
    assert torch.allclose(mean(term, given), 0.5 * F.mse_loss(own, given.teacher.hidden_states[1]), rtol=1e-5)


@pytest.mark.model
def test_patient_distillation_compares_the_directions_of_the_first_piece() -> None:
    import torch
    from torch.nn import functional as F

    given = batch()
    own, taught = (outputs.hidden_states[1][:, 0] for outputs in (given.student, given.teacher))
    oracle = (2 - 2 * F.cosine_similarity(own, taught)).mean()
    assert torch.allclose(mean(loss("patient_kd"), given), oracle, rtol=1e-5)
    longer = replace(given, student=replace(given.student, hidden_states=tuple(3 * s for s in given.student.hidden_states)))
    assert torch.allclose(mean(loss("patient_kd"), longer), oracle, rtol=1e-5)


@pytest.mark.model
@pytest.mark.parametrize("form", ["paper", "code"])
def test_attention_transfer_by_a_loop_over_texts(form: str) -> None:
    given, padded = batch(student_width=16, padded=2), 2
    total = 0.0
    for row in range(ROWS):
        for layer in (1, 2):
            maps = []
            for outputs in (given.student, given.teacher):
                energy = outputs.hidden_states[layer][row, : LENGTH - padded].detach().square().sum(-1)
                maps.append(energy / energy.norm())
            gap = maps[0] - maps[1]
            total += float(gap.norm() if form == "paper" else gap.square().mean()) / 2
    assert mean(loss("attention_transfer", form=form), given).item() == pytest.approx(total / ROWS, rel=1e-4)


@pytest.mark.model
def test_mobileberts_feature_maps_by_numpy() -> None:
    """Shape, mean and variance apart: a student whose states are shifted and stretched errs in the statistics alone."""
    given = batch()
    base = tuple(state.detach() for state in given.teacher.hidden_states)
    moved = replace(
        given,
        student=replace(given.student, hidden_states=tuple(2 * state + 3 for state in base)),
        teacher=replace(given.teacher, hidden_states=base),
    )
    only_shape = loss("mobilebert", attention=0, mean=0, variance=0)
    assert mean(only_shape, moved).item() < 1e-6
    for part in ("mean", "variance"):
        value = mean(
            loss("mobilebert", **({"attention": 0, "feature_map": 0, "mean": 0, "variance": 0} | {part: 1})), moved
        ).item()
        oracle = 0.0
        for state in base[1:]:
            centre, spread = state.numpy().mean(-1), state.numpy().var(-1)
            oracle += float(((centre + 3) ** 2 if part == "mean" else 3 * spread).mean()) / 2
        assert value == pytest.approx(oracle, rel=1e-4), part


def test_every_loss_that_wants_states_says_so() -> None:
    for name in LOSSES.names():
        inside = loss(name).wants() & {"hidden_states", "relations"}
        assert bool(inside) == (name in {*LAYERED, "minilm", "minilm_relations", "relational", "contrastive"}), name
    assert loss("relational", of="logits").wants() == {"logits"}
    assert loss("tinybert", attention=0).wants() == {"hidden_states"}
