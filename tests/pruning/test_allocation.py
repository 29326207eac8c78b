"""Which layer loses how much: against enumeration of all choices, formulas of schedules, and what a model really weighs."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tests.pruning import tiny

pytestmark = pytest.mark.model


def limits(lowest, round_to=8):
    from compactor.pruning.allocation import Limits

    return Limits(lowest, round_to)


def made_up(seed, layers=3, count=5):
    """Return scores and prices of some layers: rising prices with jumps, as times have them."""
    from compactor.pruning.allocation import Price

    random = np.random.default_rng(seed)
    scores = {"heads": [random.random(count) for _ in range(layers)]}
    prices = [np.concatenate([[0.0], random.choice([0.0, 0.2, 1.0, 3.0], count).cumsum()]) for _ in range(layers)]
    return scores, Price("ms", 1.0, {"heads": prices})


def lost(scores, counts):
    """Return the importance that is gone when each layer keeps its best units."""
    return sum(
        np.sort(values)[: len(values) - count].sum() for values, count in zip(scores["heads"], counts["heads"], strict=True)
    )


@pytest.mark.parametrize("seed", range(20))
def test_no_choice_that_is_as_cheap_loses_less_than_whole_chunks_do(seed):
    """The greedy choice ends inside a chunk; taken at its ends it is the best of all choices, by enumeration."""
    from compactor.pruning.allocation import block_stops, least_lost, pooled

    scores, price = made_up(seed)
    floors = limits({"heads": [1, 1, 1]})
    chunks = []
    for layer, values in enumerate(scores["heads"]):
        gone = np.concatenate([[0.0], np.sort(values).cumsum()])
        chunks += [(rate, -layer, run) for rate, run in pooled(block_stops(5, 1, 1), gone, price.parts["heads"][layer])]
    assert all(a <= b for a, b in itertools.pairwise(rate for rate, layer, _ in chunks if layer == 0))
    whole = price.whole()
    for rate, layer, run in sorted(chunks, key=lambda chunk: chunk[:2]):
        if math.isinf(rate):
            break
        whole["heads"][-layer] = run[-1]
        reached = price.of(whole)
        ours = least_lost(scores, price, reached, floors)
        assert price.of(ours) <= reached + 1e-9
        best = min(
            lost(scores, {"heads": list(counts)})
            for counts in itertools.product(range(1, 6), repeat=3)
            if price.of({"heads": list(counts)}) <= reached + 1e-9
        )
        assert lost(scores, ours) == pytest.approx(best, abs=1e-9)


def test_floors_and_blocks_are_kept():
    from compactor.pruning.allocation import Limits, Price, least_lost

    floors = Limits.of_share(0.3, 8, {"intermediate": [60, 32, 8], "heads": [4, 3, 1]})
    assert floors.lowest == {"intermediate": [24, 16, 8], "heads": [2, 1, 1]}
    price = Price("parameters", 0.0, {"intermediate": [np.arange(61.0), np.arange(33.0), np.arange(9.0)]})
    scores = {"intermediate": [np.full(60, 0.1), np.full(32, 5.0), np.full(8, 0.01)]}
    # The cheap layer goes down to its floor in whole blocks, before the dear one is touched.
    assert least_lost(scores, price, 100 - 12, floors)["intermediate"] == [48, 32, 8]
    assert least_lost(scores, price, 100 - 40, floors)["intermediate"] == [24, 24, 8]


def test_global_keeps_as_many_in_all_and_the_best_of_them():
    from compactor.pruning.allocation import global_counts

    random = np.random.default_rng(0)
    scores = {"heads": [random.random(6), 3 * random.random(6), random.random(6)]}
    counts = global_counts(scores, "heads", [3, 3, 3], limits({"heads": [1, 1, 1]}))
    assert sum(counts) == 9
    best = np.sort(np.concatenate(scores["heads"]))[-9:]
    assert counts == [int((values >= best[0]).sum()) for values in scores["heads"]]
    assert global_counts(scores, "heads", [1, 1, 1], limits({"heads": [1, 1, 1]})) == [1, 1, 1]


def test_scores_are_made_comparable_as_documented():
    from compactor.pruning.allocation import normalised

    scores = {"heads": [np.array([3.0, 4.0]), np.array([0.0, 0.0])]}
    assert np.allclose(normalised(scores, "sum")["heads"][0], [3 / 7, 4 / 7])
    assert np.allclose(normalised(scores, "l2")["heads"][0], [0.6, 0.8])
    assert normalised(scores, "none") is scores
    assert not normalised(scores, "sum")["heads"][1].any()


@pytest.mark.parametrize("wanted", [0.9, 0.6, 0.3])
def test_one_share_is_the_largest_that_is_cheap_enough(wanted):
    from compactor.pruning.allocation import Limits, Price, same_share

    whole = {"intermediate": [64, 64], "heads": [4, 4]}
    price = Price(
        "parameters", 10.0, {part: [7.0 * np.arange(count + 1) for count in layers] for part, layers in whole.items()}
    )
    floors = Limits.of_share(0.125, 8, whole)
    found = same_share(price, wanted * price.of(whole), floors)
    assert price.of(found) <= wanted * price.of(whole)
    shares = [
        {
            "intermediate": [min(64, max(8, round(64 * share / 8) * 8))] * 2,
            "heads": [min(4, max(1, round(4 * share)))] * 2,
        }
        for share in np.linspace(0.01, 1, 397)
    ]
    assert price.of(found) == max(price.of(counts) for counts in shares if price.of(counts) <= wanted * price.of(whole))


def test_schedules_are_their_formulas():
    from compactor.pruning.schedules import share_after

    for name in ("geometric", "linear", "cubic"):
        shares = [share_after(step, 5, 0.2, name) for step in range(1, 6)]
        assert shares[-1] == 0.2
        assert all(a > b for a, b in itertools.pairwise([1.0, *shares]))
    assert share_after(2, 4, 0.25, "geometric") == pytest.approx(0.5)
    assert share_after(1, 4, 0.2, "linear") == pytest.approx(0.8)
    # Zhu and Gupta: s_t = s_f + (s_i - s_f) (1 - t/n)³, with s_i = 0
    assert 1 - share_after(1, 4, 0.2, "cubic") == pytest.approx(0.8 + (0 - 0.8) * 0.75**3)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_the_price_in_parameters_is_the_number_of_parameters_after_any_cut(family):
    from compactor.pruning.narrow import best, narrow, score
    from compactor.pruning.prices import parameter_price

    model = tiny.model(family, layers=2)
    price = parameter_price(model, ("intermediate", "heads"))
    assert price.of(price.whole()) == sum(parameter.numel() for parameter in model.parameters())
    counts = {"intermediate": [40, 16], "heads": [4, 1]}
    narrow(model, best(score(model, ("intermediate", "heads"), [], importance="magnitude", seed=0), counts))
    assert price.of(counts) == sum(parameter.numel() for parameter in model.parameters())
    assert price.up_to(counts).of(counts) == price.of(counts)
    assert price.up_to(counts).whole() == counts
