"""Checks find what they are for, and keep quiet otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.checks.agreement import agreement
from compactor.checks.answers import spread
from compactor.checks.faithful import faithful
from compactor.checks.finite import finite
from compactor.checks.padding import padding, padding_agreement
from compactor.checks.parity import parity, shapes
from compactor.checks.smaller import smaller
from tests.exporting import tiny


def test_equal_answers_agree_fully():
    logits = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    found = agreement(logits, logits)
    assert (found.largest_difference, found.top1, found.relative_error) == (0, 1, 0)
    assert found.cosine == pytest.approx(1)


def test_agreement_by_hand():
    found = agreement(np.array([[3.0, 4.0], [0.0, 2.0]]), np.array([[4.0, 3.0], [0.0, 2.0]]))
    assert found.cosine == pytest.approx((24 / 25 + 1) / 2)
    assert found.top1 == 0.5
    assert found.largest_difference == 1
    assert found.scale == 4
    assert found.relative_error == pytest.approx(np.sqrt(2 / 29))


def test_two_zero_vectors_agree():
    assert agreement(np.zeros((2, 3)), np.zeros((2, 3))).cosine == 1


def test_parity_is_judged_against_the_scale_of_the_logits():
    reference = np.array([[100.0, 0.0]])
    assert not list(parity(agreement(reference, reference + 5e-3), place=""))
    assert [each.code for each in parity(agreement(reference, reference + 5e-2), place="")] == ["X110"]
    # small logits are not held to a stricter measure than 1e-4 itself
    assert not list(parity(agreement(reference / 1e6, reference / 1e6 + 5e-5), place=""))


def test_shapes_hold_every_batch_and_length_and_padded_rows():
    made = list(shapes(tiny.Rows(), longest=32, pad_id=tiny.PAD))
    assert sorted({each["input_ids"].shape for each in made}) == [
        (batch, length) for batch in (1, 2, 5) for length in (1, 2, 17, 32)
    ]
    for each in made:
        lengths = each["attention_mask"].sum(axis=1)
        assert lengths[0] == each["input_ids"].shape[1]
        assert (lengths >= 1).all()
        assert ((each["input_ids"] == tiny.PAD) == (each["attention_mask"] == 0)).all()
        if len(lengths) > 1 and lengths[0] > 1:
            assert lengths[1] < lengths[0]


def test_shapes_of_a_model_that_reads_few_tokens():
    assert {each["input_ids"].shape[1] for each in shapes(tiny.Rows(), longest=8, pad_id=0)} == {1, 2, 8}


def test_rows_are_spread_over_all_lengths():
    rows = tiny.Rows()
    chosen = spread(rows, 5)
    assert rows.lengths[chosen[0]] == rows.lengths.min()
    assert rows.lengths[chosen[-1]] == rows.lengths.max()
    assert len(set(spread(rows, 1000))) == len(rows)


def test_a_model_that_looks_at_padding_is_found_out():
    def honest(batch):
        count = batch["attention_mask"].sum(axis=1)
        total = (batch["input_ids"] * batch["attention_mask"]).sum(axis=1)
        return np.stack([total / count, count], axis=1).astype(np.float32)

    def careless(batch):
        return np.stack([batch["input_ids"].mean(axis=1), np.full(len(batch["input_ids"]), 30.0)], axis=1)

    assert not list(padding(padding_agreement(honest, tiny.Rows()), place=""))
    (finding,) = padding(padding_agreement(careless, tiny.Rows()), place="")
    assert (finding.code, finding.severity) == ("Q103", "warning")
    assert "labels change" in finding.sentence


def test_answers_that_are_no_numbers():
    logits = np.zeros((3, 2))
    assert not list(finite(logits, place=""))
    logits[1, 0] = np.nan
    (finding,) = finite(logits, place="")
    assert "1 of 3" in finding.sentence


def test_a_larger_model_after_quantization_is_told():
    assert not list(smaller(1000, 260, place=""))
    assert "hardly smaller" in next(iter(smaller(1000, 950, place=""))).sentence
    assert "is larger" in next(iter(smaller(1000, 1100, place=""))).sentence


def test_what_a_file_that_did_not_shrink_holds_is_told(tmp_path):
    onnx = pytest.importorskip("onnx")
    weights = [
        onnx.numpy_helper.from_array(np.zeros(size, dtype), kind) for size, dtype, kind in ((1000, "f4", "f"), (50, "i1", "i"))
    ]
    path = tmp_path / "model.onnx"
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], weights)), path)
    sizes = [weight.ByteSize() for weight in weights]
    (found,) = smaller(1000, 1000, place="", model=path)
    rest = path.stat().st_size - sum(sizes)
    assert f"{sizes[0]:,} are float weights, {sizes[1]:,} weights in fewer bits, {rest:,} nodes" in found.sentence


def test_many_changed_labels_are_told():
    reference = np.eye(10)
    assert not list(faithful(agreement(reference, reference), place=""))
    (finding,) = faithful(agreement(reference, np.roll(reference, 1, axis=0)), place="")
    assert finding.code == "Q109"
    assert "0.0%" in finding.sentence


def test_int8_that_gains_hardly_any_time_is_told():
    pytest.importorskip("pydantic")
    from compactor.checks.gain import gain
    from compactor.targets import load_target

    (found,) = gain(load_target("arm-a72"), place="model.onnx")
    assert found.code == "Q111"
    assert "1.2 times fewer cycles" in found.sentence
    assert list(gain(load_target("arm-a76"), place="model.onnx")) == []
    assert list(gain(load_target("host"), place="model.onnx")) == [], "nothing is known, nothing is said"
