"""When answers from two places count as the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from compactor.cli._bench_elsewhere import answer_line
from compactor.measuring.same_answers import ABSOLUTE, Tolerance, compare_answers, tolerance_for

FP32 = Tolerance(ABSOLUTE["fp32"], None)
INT8 = Tolerance(None, 0.98)


def scores(*rows: list[float]) -> list[dict[str, np.ndarray]]:
    return [{"logits": np.array([row], dtype=np.float32)} for row in rows]


def test_equal_answers() -> None:
    found = compare_answers(scores([1, 2, 3]), scores([1, 2, 3]), FP32, given=1)
    assert found.passed
    assert (found.largest_difference, found.smallest_cosine, found.same_label, found.clear) == (0, pytest.approx(1), 1, 1)


@pytest.mark.parametrize(("difference", "passed"), [(0.9e-4, True), (1.2e-4, False)])
def test_floats_are_judged_by_each_number(difference: float, passed: bool) -> None:
    found = compare_answers(scores([0, 1]), scores([difference, 1]), FP32, given=1)
    assert found.passed is passed
    assert found.largest_difference == pytest.approx(difference, rel=1e-3)


def test_large_outputs_may_differ_in_proportion() -> None:
    assert compare_answers(scores([0, 1000]), scores([0, 1000.05]), FP32, given=1).passed
    assert not compare_answers(scores([0, 1000]), scores([0, 1000.2]), FP32, given=1).passed


def test_integers_are_judged_by_direction_and_label() -> None:
    here = scores([4, 0, 0], [0, 4, 0])
    turned = scores([4, 0.5, 0.3], [0.2, 4.1, 0])
    found = compare_answers(here, turned, INT8, given=2)
    assert found.passed
    assert found.largest_difference > 0.3
    assert not compare_answers(here, scores([4, 0, 0], [0, 4, 4]), INT8, given=2).passed


def test_a_clear_label_that_changes_is_refused_though_the_direction_is_right() -> None:
    many = [[10.0, 9.5, 0.0]] * 3
    found = compare_answers(scores(*many), scores([9.5, 10.0, 0.0], *many[1:]), INT8, given=3)
    assert found.smallest_cosine > 0.98
    assert found.same_label == pytest.approx(2 / 3)
    assert not found.passed


@pytest.mark.parametrize("there", [[float("nan"), 1.0], [float("inf"), 1.0], [0.0, 1.0, 2.0]])
def test_answers_that_cannot_be_compared_are_told_and_kept_as_json(there: list[float]) -> None:
    found = compare_answers(scores([0.0, 1.0]), scores(there), FP32, given=1)
    assert not found.passed
    kept = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert kept["largest_difference"] is None
    assert answer_line(kept).startswith("OTHER ANSWERS THAN HERE")
    assert "some are no numbers, or have another shape" in answer_line(kept)


def test_labels_of_unclear_cases_do_not_count() -> None:
    found = compare_answers(scores([1.0, 1.01]), scores([1.01, 1.0]), INT8, given=1)
    assert (found.same_label, found.clear) == (None, 0)
    assert found.passed


def test_not_a_number_is_never_the_same_as_a_number() -> None:
    for tolerance in (FP32, INT8):
        assert not compare_answers(scores([1, 2]), scores([1, float("nan")]), tolerance, given=1).passed


def test_other_shapes_and_outputs_are_not_the_same() -> None:
    assert not compare_answers(scores([1, 2]), scores([1, 2, 3]), FP32, given=1).passed
    assert not compare_answers(scores([1, 2]), [{"other": np.ones((1, 2))}], FP32, given=1).passed


def test_states_of_a_sequence_have_no_labels() -> None:
    states = [{"last_hidden_state": np.ones((1, 5, 8), dtype=np.float32)}]
    found = compare_answers(states, states, FP32, given=1)
    assert (found.same_label, found.passed) == (None, True)


def test_nothing_compared_is_no_agreement() -> None:
    with pytest.raises(ValueError):
        compare_answers([], [], FP32, given=0)


def test_the_precision_decides_or_else_the_operators(make_model: Callable[..., Path], tmp_path: Path) -> None:
    model = make_model("plain", 1)
    assert tolerance_for(None, model) == FP32
    assert tolerance_for("int8-dynamic", model) == INT8
    assert tolerance_for("fp16", model).absolute == 2e-2
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(model)
    graph.graph.node.append(onnx.helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "s", "z"]))
    (tmp_path / "int8.onnx").write_bytes(graph.SerializeToString())
    assert tolerance_for(None, tmp_path / "int8.onnx") == INT8
