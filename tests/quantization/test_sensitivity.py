"""How far answers move, and the fewest nodes to keep: against closed forms and plain enumeration."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.quantization.sensitivity import candidates, divergence, fewest
from tests.quantization import bag


def test_the_divergence_of_two_labels_is_the_closed_form():
    reference, candidate = np.log([[0.5, 0.5]]).astype(np.float32), np.log([[0.25, 0.75]]).astype(np.float32)
    expected = 0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)
    assert divergence(reference, candidate, probabilities=True) == pytest.approx(expected, rel=1e-6)
    assert divergence(reference, candidate + 7, probabilities=True) == pytest.approx(expected, rel=1e-5)
    assert divergence(np.ones((3, 1)), np.full((3, 1), 1.5), probabilities=False) == pytest.approx(0.25)


@pytest.mark.parametrize("total", [1, 2, 7, 36])
def test_the_fewest_that_meet_a_budget_are_found_with_few_questions(total):
    for least in range(1, total + 1):
        asked = []
        assert fewest(total, lambda count, least=least, asked=asked: asked.append(count) or count >= least) == least
        assert len(asked) <= 2 * np.log2(total) + 2
        assert len(set(asked)) == len(asked)
    assert fewest(total, lambda _count: False) is None
    assert fewest(0, lambda _count: True) is None


def test_candidates_are_the_weights_a_method_takes(tmp_path):
    source = bag.folder(tmp_path / "onnx")
    found = candidates(source, gemms_are_split=True, embeddings=True, keep=("*classifier*",))
    sizes = {"/embeddings/Gather": bag.PIECES * bag.WIDTH, "/encoder/MatMul": bag.WIDTH * bag.HIDDEN}
    assert {cost.node: cost.parameters for cost in found} == sizes
    names = [cost.node for cost in candidates(source, gemms_are_split=False, embeddings=False, keep=())]
    assert names == ["/encoder/MatMul", "/classifier/Gemm"]
