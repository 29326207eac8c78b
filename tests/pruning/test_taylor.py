"""Taylor scores against finite differences of the loss, and in closed form on a linear model."""

from __future__ import annotations

import numpy as np
import pytest

from tests.pruning import tiny

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def made():
    """Return a model in float64, its batches, and the summed loss of each."""
    import torch

    from compactor.models.feeding import feed

    model, given = tiny.model(layers=2).double(), tiny.batches(2)
    for batch in given:
        batch["token_type_ids"] = np.zeros_like(batch["input_ids"])

    def loss_of(batch, rows=slice(None)):
        labels = torch.arange(len(batch["input_ids"])) % tiny.LABELS
        part = {name: values[rows] for name, values in batch.items()}
        return lambda current: torch.nn.functional.cross_entropy(
            current(**feed(current, part)).logits, labels[rows], reduction="sum"
        )

    return model, given, [loss_of(batch) for batch in given], loss_of


@pytest.mark.parametrize("part", ["intermediate", "heads"])
def test_derivatives_are_finite_differences_of_each_rows_loss(made, part):
    import torch

    from compactor.pruning.taylor import Tap, derivatives
    from compactor.pruning.width import units

    model, given, losses, loss_of = made
    place = units(model, part)[1]
    (found,) = derivatives(model, [Tap(place.consumer)], losses)
    found = found.unflatten(1, (-1, place.size)).sum(2)
    assert found.shape == (16, place.count)
    step = 1e-5
    for unit in (0, place.count - 1):
        columns = place.inputs(np.array([unit]))
        for number, row in ((0, 3), (1, 5)):
            values = []
            for sign in (1, -1):
                weight = place.consumer.weight.detach().clone()
                with torch.no_grad():
                    place.consumer.weight[:, columns] *= 1 + sign * step
                    values.append(float(loss_of(given[number], slice(row, row + 1))(model)))
                    place.consumer.weight.copy_(weight)
            assert float(found[8 * number + row, unit]) == pytest.approx((values[0] - values[1]) / (2 * step), abs=1e-7)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_channel_of_the_stream_is_seen_wherever_it_is_written(made):
    """The mask on a channel multiplies scale and shift of every norm: the derivative is that of the loss to these."""
    import torch

    from compactor.pruning.stream_scores import score_channels
    from compactor.pruning.taylor import Tap, derivatives

    model, given, losses, loss_of = made
    norms = [module for module in model.modules() if isinstance(module, torch.nn.LayerNorm)]
    found = torch.stack(derivatives(model, [Tap(norm, "output") for norm in norms], losses)).sum(0)
    step, channel, values = 1e-5, 7, []
    for sign in (1, -1):
        before = [(norm.weight.detach().clone(), norm.bias.detach().clone()) for norm in norms]
        with torch.no_grad():
            for norm in norms:
                norm.weight[channel] *= 1 + sign * step
                norm.bias[channel] *= 1 + sign * step
            values.append(float(loss_of(given[0], slice(2, 3))(model)))
            for norm, (weight, bias) in zip(norms, before, strict=True):
                norm.weight.copy_(weight)
                norm.bias.copy_(bias)
    assert float(found[2, channel]) == pytest.approx((values[0] - values[1]) / (2 * step), abs=1e-7)
    scores = score_channels(model, [], importance="taylor-squared", seed=0, losses=losses)
    assert np.allclose(scores, found.square().mean(0).numpy())


def test_on_a_linear_model_the_change_is_exact():
    """L_n = c·W diag(z) x_n is linear in z: without unit j the loss falls by exactly its derivative."""
    import torch

    from compactor.pruning.taylor import Tap, derivatives, mean_changes

    generator = torch.Generator().manual_seed(0)
    linear, rows = torch.nn.Linear(5, 3, bias=False), torch.randn(7, 4, 5, generator=generator, requires_grad=True)
    towards = torch.randn(3, generator=generator)
    (found,) = derivatives(linear, [Tap(linear)], [lambda model: (model(rows) @ towards).sum()])
    exact = (rows * (towards @ linear.weight)).sum(1).detach().double()
    assert torch.allclose(found, exact, rtol=1e-4, atol=1e-5)
    assert torch.allclose(mean_changes([found], squared=False)[0], exact.abs().mean(0), rtol=1e-4)
    assert torch.allclose(mean_changes([found], squared=True)[0], exact.square().mean(0), rtol=1e-4)


@pytest.mark.parametrize("rule", ["taylor", "taylor-squared"])
def test_a_neuron_that_nobody_reads_goes_first(made, rule):
    import torch

    from compactor.pruning.narrow import choose

    model, _, losses, _ = made
    output = model.bert.encoder.layer[0].output.dense
    before = output.weight.detach().clone()
    try:
        with torch.no_grad():
            output.weight[:, [3, 9, 40]] = 0.0
        kept = choose(model, {"intermediate": (61, 60)}, [], importance=rule, round_to=8, seed=0, losses=losses)
    finally:
        with torch.no_grad():
            output.weight.copy_(before)
    assert set(range(64)) - set(kept["intermediate"][0].tolist()) == {3, 9, 40}


def test_a_loss_without_gradient_is_refused(made):
    from compactor.base.errors import StageError
    from compactor.pruning.narrow import score

    model, _, losses, _ = made
    with pytest.raises(StageError, match="no gradient"):
        score(model, ("heads",), [], importance="taylor", seed=0, losses=[lambda current: 0.0 * losses[0](current)])
