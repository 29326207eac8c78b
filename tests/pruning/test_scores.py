"""Scores against their formulas, and that padding is not looked at."""

from __future__ import annotations

import numpy as np
import pytest

from tests.pruning import tiny

pytestmark = pytest.mark.model


def inputs_seen(model, linear, given):
    """Return what a linear map was given on real tokens, text by text without any padding."""
    import torch

    seen = []
    handle = linear.register_forward_pre_hook(lambda _module, arguments: seen.append(arguments[0].detach()[0].numpy()))
    for batch in given:
        for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True):
            with torch.no_grad():
                tokens = torch.from_numpy(ids[: mask.sum()])[None]
                model(input_ids=tokens, attention_mask=torch.ones_like(tokens))
    handle.remove()
    return np.concatenate(seen).astype(np.float64)


def test_moments_are_those_of_the_texts_without_padding():
    from compactor.pruning.activations import collect_moments
    from compactor.pruning.width import units

    model, given = tiny.model(), tiny.batches()
    consumer = units(model, "intermediate")[1].consumer
    (moments,) = collect_moments(model, [consumer], given, products=True)
    seen = inputs_seen(model, consumer, given)
    assert moments.tokens == len(seen) == sum(int(batch["attention_mask"].sum()) for batch in given)
    np.testing.assert_allclose(moments.total.numpy(), seen.sum(0), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(moments.squares.numpy(), (seen**2).sum(0), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(moments.products.numpy(), seen.T @ seen, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("part", ["intermediate", "heads"])
def test_wanda_is_the_size_of_what_a_unit_adds_to_the_output(part):
    from compactor.pruning.activations import collect_moments
    from compactor.pruning.scores import score_units
    from compactor.pruning.width import units

    model, given = tiny.model(), tiny.batches()
    place = units(model, part)[0]
    (moments,) = collect_moments(model, [place.consumer], given, products=False)
    scores = score_units("wanda", place.producers, place.consumer, moments, unit=place.size, rng=np.random.default_rng(0))
    seen, weight = inputs_seen(model, place.consumer, given), place.consumer.weight.detach().double().numpy()
    # rms over the tokens of the output that each input alone would give
    added = np.array([np.sqrt(((seen[:, [j]] * weight[:, j]) ** 2).sum() / len(seen)) for j in range(weight.shape[1])])
    np.testing.assert_allclose(scores, np.sqrt((added.reshape(-1, place.size) ** 2).sum(1)), rtol=1e-4)


def test_magnitude_sees_both_sides_and_random_depends_on_the_seed_alone():
    import torch

    from compactor.pruning.scores import score_units
    from compactor.pruning.width import units

    place = units(tiny.model(), "intermediate")[0]
    with torch.no_grad():
        place.producers[0].weight[7] *= 100
        place.consumer.weight[:, 9] *= 100
        place.consumer.weight[:, 3] = place.producers[0].weight[3] = 0
    rng = np.random.default_rng
    scores = score_units("magnitude", place.producers, place.consumer, None, unit=1, rng=rng(0))
    assert set(np.argsort(-scores)[:2]) == {7, 9}
    assert scores.argmin() == 3
    first, again, other = (
        score_units("random", place.producers, place.consumer, None, unit=1, rng=rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_dead_neuron_goes_first_and_nothing_is_lost():
    import torch

    from compactor.pruning.narrow import choose, narrow
    from compactor.pruning.width import units

    model, given = tiny.model(), tiny.batches()
    dead = [11, 12, 13, 14, 15, 40, 41, 42]
    for place in units(model, "intermediate"):
        with torch.no_grad():
            place.producers[0].weight[dead] = 0
            place.producers[0].bias[dead] = 0
    before = tiny.logits(model, given)
    kept = choose(model, {"intermediate": 56}, given, importance="wanda", round_to=8, seed=0)
    assert all(not set(dead) & set(stay.tolist()) for stay in kept["intermediate"])
    narrow(model, kept)
    assert np.array_equal(tiny.logits(model, given), before)
