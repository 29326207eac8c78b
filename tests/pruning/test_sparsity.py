"""Zeros go where the method says, and SparseGPT makes up for them as its closed form says."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.pruning.pattern import Sparsity
from tests.pruning import tiny

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.model

from compactor.pruning.activations import collect_moments  # noqa: E402
from compactor.pruning.sparsegpt import inverse_factor, sparsegpt  # noqa: E402
from compactor.pruning.sparsify import sparse, sparse_maps, sparsify, zeros  # noqa: E402
from compactor.pruning.sparsity import lowest, output_error, wanda_scores  # noqa: E402

ROWS, INPUTS, OUTPUTS = 400, 24, 32
HALF = Sparsity(0.5)


@pytest.fixture(scope="module")
def made():
    """Return (X, W, XᵀX): correlated inputs of very unequal size, as behind a layer norm's outlier channels, made by hand."""
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randn(ROWS, INPUTS, generator=generator, dtype=torch.float64) @ torch.randn(
        INPUTS, INPUTS, generator=generator, dtype=torch.float64
    )
    inputs = mixed * torch.logspace(-1, 1, INPUTS, dtype=torch.float64)[torch.randperm(INPUTS, generator=generator)]
    weight = torch.randn(OUTPUTS, INPUTS, generator=generator, dtype=torch.float64)
    return inputs, weight, inputs.T @ inputs


@pytest.mark.parametrize(("pattern", "share", "group"), [("2:4", 0.5, 4), ("4:8", 0.5, 8), ("1:4", 0.75, 4), ("3:4", 0.25, 4)])
def test_a_pattern_says_how_many_stay(pattern, share, group):
    assert Sparsity.read(pattern) == Sparsity(share, group)


@pytest.mark.parametrize("wrong", ["4:2", "2:2", "0:4", "2", "2:4:8", "half", "02:4"])
def test_what_is_no_pattern_is_none(wrong):
    assert Sparsity.read(wrong) is None


def test_the_lowest_go_in_rows_groups_or_the_whole_matrix():
    scores = torch.tensor([[1.0, 2.0, 3.0, 4.0], [9.0, 8.0, 7.0, 6.0]])
    assert lowest(scores, HALF, by_row=True).tolist() == [[True, True, False, False], [False, False, True, True]]
    assert lowest(scores, HALF, by_row=False).tolist() == [[True] * 4, [False] * 4]
    assert lowest(scores, Sparsity(0.5, 2), by_row=False).tolist() == [[True, False] * 2, [False, True] * 2]
    assert lowest(torch.zeros(3, 10), Sparsity(0.3), by_row=True).sum(1).tolist() == [3, 3, 3]


def test_wanda_weighs_by_the_norm_of_the_input(made):
    inputs, weight, products = made
    assert torch.allclose(wanda_scores(weight, products), weight.abs() * inputs.norm(dim=0))


def test_the_error_is_that_of_the_outputs(made):
    inputs, weight, products = made
    other = weight * (torch.rand(weight.shape) > 0.5)
    wanted = (inputs @ (weight - other).T).square().sum() / (inputs @ weight.T).square().sum()
    assert output_error(weight, other, products) == pytest.approx(float(wanted))


def test_the_factor_gives_back_the_inverse_of_the_damped_products(made):
    products = made[2]
    upper = inverse_factor(products, 0.01)
    damped = products + 0.01 * products.diagonal().mean() * torch.eye(INPUTS, dtype=torch.float64)
    assert torch.equal(upper, upper.triu())
    assert torch.allclose(upper.T @ upper @ damped, torch.eye(INPUTS, dtype=torch.float64), atol=1e-8)


def test_zeros_before_all_kept_weights_leave_the_least_squares_solution(made):
    """What is left may change freely then, so that the result is the best there is: W' = W S[:, K] S[K, K]⁻¹."""
    _, weight, products = made
    gone = torch.zeros(1, INPUTS, dtype=torch.bool)
    gone[0, :10] = True
    new, _ = sparsegpt(weight[:1], products, HALF, gone=gone, damping=1e-12, block=7)
    kept = ~gone[0]
    solution = weight[:1] @ products[:, kept] @ torch.linalg.inv(products[kept][:, kept])
    assert torch.allclose(new[:, kept], solution, rtol=1e-4)
    assert (new[:, ~kept] == 0).all()


def test_each_zero_is_made_up_for_by_the_weights_behind_it(made):
    """Optimal Brain Surgeon step by step, with the inverse of what is left computed anew each time."""
    _, weight, products = made
    gone = torch.rand(INPUTS, generator=torch.Generator().manual_seed(1)) < 0.5
    row = weight[0].clone()
    damped = products + 0.01 * products.diagonal().mean() * torch.eye(INPUTS, dtype=torch.float64)
    for column in torch.nonzero(gone).flatten().tolist():
        left = torch.linalg.inv(damped[column:, column:])
        row[column:] -= row[column] / left[0, 0] * left[0]
    new, _ = sparsegpt(weight[:1], products, HALF, gone=gone[None], block=5)
    assert torch.allclose(new[0], row.masked_fill(gone, 0.0), atol=1e-9)


@pytest.mark.parametrize("pattern", ["2:4", "4:8", "1:3"])
@pytest.mark.parametrize("method", ["sparsegpt", "wanda", "magnitude"])
def test_every_group_has_its_zeros(made, pattern, method):
    sparsity = Sparsity.read(pattern)
    new, gone = sparse(made[1], made[2], sparsity, method, block=8, damping=0.01)
    counted = (new == 0).reshape(-1, sparsity.group).sum(1)
    assert (counted == sparsity.zeros(sparsity.group)).all()
    assert torch.equal(new == 0, gone)


@pytest.mark.parametrize("sparsity", [Sparsity(0.5), Sparsity(0.7), Sparsity(0.5, 4)], ids=str)
def test_sparsegpt_errs_least_and_magnitude_most(made, sparsity):
    error = {
        method: output_error(made[1], sparse(made[1], made[2], sparsity, method, block=128, damping=0.01)[0], made[2])
        for method in ("sparsegpt", "wanda", "magnitude")
    }
    assert error["sparsegpt"] <= error["wanda"] < error["magnitude"]


def test_an_input_that_is_always_zero_goes_first(made):
    inputs = made[0].clone()
    inputs[:, 5] = 0.0
    new, _ = sparsegpt(made[1], inputs.T @ inputs, HALF)
    assert (new[:, 5] == 0).all()
    assert torch.isfinite(new).all()


def test_inputs_that_are_not_finite_are_a_sentence():
    with pytest.raises(StageError, match="K244"):
        inverse_factor(torch.full((3, 3), float("nan"), dtype=torch.float64))


@pytest.mark.parametrize("family", ["bert", "distilbert", "electra"])
def test_a_whole_model_gets_its_zeros_in_the_layers_alone(family):
    model, batches = tiny.model(family, layers=2), tiny.batches()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    facts = sparsify(model, batches, Sparsity(0.5, 4), "sparsegpt", block=128, damping=0.01)
    assert [fact["map"] for fact in facts] == list(sparse_maps(model))
    assert len(facts) == 12
    held = zeros(model)
    for name, value in model.state_dict().items():
        if name in held:
            assert (value == 0).reshape(-1, 4).sum(1).eq(2).all()
        else:
            assert torch.equal(value, before[name]), name


def test_later_maps_are_calibrated_on_what_the_sparse_ones_give():
    """The recorded error of the last map is measured on inputs of the sparse model: they are not those of the dense one."""
    model, dense, batches = tiny.model(layers=2), tiny.model(layers=2), tiny.batches()
    facts = sparsify(model, batches, HALF, "wanda", block=128, damping=0.01)
    name, last = list(sparse_maps(model).items())[-1]
    old = sparse_maps(dense)[name].weight.detach().double()
    (moments,) = collect_moments(model, [last], batches, products=True)
    assert facts[-1]["error"] == pytest.approx(output_error(old, last.weight.detach().double(), moments.products), rel=1e-3)
    (moments,) = collect_moments(dense, [sparse_maps(dense)[name]], batches, products=True)
    assert facts[-1]["error"] != pytest.approx(output_error(old, last.weight.detach().double(), moments.products), rel=1e-3)


def test_the_hessian_is_the_product_of_the_real_inputs():
    model, batches = tiny.model(layers=1), tiny.batches()
    linear, seen = next(iter(sparse_maps(model).values())), []
    handle = linear.register_forward_pre_hook(lambda _module, given: seen.append(given[0].detach()))
    tiny.logits(model, batches)
    handle.remove()
    inputs = torch.cat([x[torch.from_numpy(b["attention_mask"]).bool()] for x, b in zip(seen, batches, strict=True)]).double()
    (moments,) = collect_moments(model, [linear], batches, products=True)
    assert torch.allclose(moments.products, inputs.T @ inputs, rtol=1e-5, atol=1e-4)


def test_a_pattern_that_does_not_fit_a_width_is_a_sentence():
    model = tiny.model(layers=1)
    before = tiny.logits(model, tiny.batches(1))
    with pytest.raises(StageError, match=r"K241.*32 inputs"):
        sparsify(model, tiny.batches(1), Sparsity.read("2:5"), "wanda", block=128, damping=0.01)
    assert np.array_equal(before, tiny.logits(model, tiny.batches(1)))
