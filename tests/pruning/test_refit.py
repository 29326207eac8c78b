"""The least-squares refit against numpy's own solver, and against doing nothing."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from tests.pruning import tiny

pytestmark = pytest.mark.model


@pytest.mark.parametrize("with_bias", [True, False])
def test_without_a_ridge_it_is_numpys_least_squares(with_bias):
    import torch

    from compactor.pruning.activations import Moments
    from compactor.pruning.refit import refit

    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(400, 12)) @ generator.normal(size=(12, 12)) + generator.normal(size=12)
    weight, bias = generator.normal(size=(5, 12)), generator.normal(size=5)
    kept = np.array([0, 2, 3, 7, 8, 11])
    target = inputs @ weight.T + (bias if with_bias else 0.0)
    design = np.column_stack([inputs[:, kept], np.ones(len(inputs))]) if with_bias else inputs[:, kept]
    expected = np.linalg.lstsq(design, target, rcond=None)[0].T

    given = torch.from_numpy(bias) if with_bias else None
    new, shifted = refit(
        torch.from_numpy(weight), given, Moments.of(torch.from_numpy(inputs)), torch.from_numpy(kept), ridge=0.0
    )
    np.testing.assert_allclose(new.numpy(), expected[:, : len(kept)], rtol=1e-8, atol=1e-8)
    if with_bias:
        np.testing.assert_allclose(shifted.numpy(), expected[:, -1], rtol=1e-8, atol=1e-8)
    else:
        assert shifted is None


def test_a_ridge_solves_a_problem_with_fewer_tokens_than_inputs():
    import torch

    from compactor.pruning.activations import Moments
    from compactor.pruning.refit import refit

    torch.manual_seed(0)
    inputs, weight = torch.randn(10, 40), torch.randn(6, 40)
    new, shifted = refit(weight, torch.zeros(6), Moments.of(inputs), torch.arange(30))
    assert torch.isfinite(new).all()
    assert torch.isfinite(shifted).all()
    assert new.abs().max() < 10 * weight.abs().max()


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("part", ["intermediate", "heads"])
def test_each_layer_comes_nearer_to_its_old_output(family, part):
    import torch

    from compactor.pruning.activations import collect_moments
    from compactor.pruning.narrow import choose
    from compactor.pruning.refit import refit
    from compactor.pruning.width import units
    from tests.pruning.test_scores import inputs_seen

    model, given = tiny.model(family), tiny.batches(12)
    kept = choose(model, {part: 0.5}, given, importance="wanda", round_to=8, seed=0)[part]
    for place, stay in zip(units(model, part), kept, strict=True):
        (moments,) = collect_moments(model, [place.consumer], given, products=True)
        seen = torch.from_numpy(inputs_seen(model, place.consumer, given))
        weight, bias, inputs = place.consumer.weight.detach(), place.consumer.bias.detach(), place.inputs(stay)
        target = seen @ weight.T.double() + bias
        new, shifted = refit(weight, bias, moments, inputs)
        cut = (seen[:, inputs] @ weight[:, inputs].T.double() + bias - target).square().sum()
        refitted = (seen[:, inputs] @ new.T.double() + shifted - target).square().sum()
        assert refitted < 0.9 * cut


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_the_whole_model_comes_nearer_to_what_it_answered(family):
    from compactor.pruning.narrow import choose, narrow

    model, given, unseen = tiny.model(family), tiny.batches(24), tiny.batches(6, seed=9)
    kept = choose(model, {"intermediate": 0.5}, given, importance="wanda", round_to=8, seed=0)
    cut, refitted = copy.deepcopy(model), copy.deepcopy(model)
    narrow(cut, kept)
    narrow(refitted, kept, given)
    before = tiny.logits(model, unseen)
    error = [np.square(tiny.logits(one, unseen) - before).mean() for one in (cut, refitted)]
    assert error[1] < error[0]


def test_it_is_the_same_every_time():
    from compactor.pruning.narrow import choose, narrow

    answers = []
    for _ in range(2):
        model, given = tiny.model(), tiny.batches()
        narrow(model, choose(model, {"intermediate": 0.5, "heads": 2}, given, importance="wanda", round_to=8, seed=0), given)
        answers.append(tiny.logits(model, given))
    assert np.array_equal(*answers)
