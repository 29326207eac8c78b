"""SmoothQuant: the float model stays the same function, outliers cost less in int8, and a post-norm model is refused."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from compactor.base.errors import StageError
from compactor.checks.agreement import agreement
from compactor.checks.answers import onnx_answer
from compactor.quantization import quantize_static_int8
from compactor.quantization.smoothing import smooth
from compactor.tasks import TASKS
from tests.quantization import bag

BATCHES = [bag.batch(seed=seed) for seed in range(20)]


def normed(path, *, post_norm=False):
    """Write the bag with a layer norm before its product whose gain makes two channels forty times larger than the others."""
    source = bag.folder(path)
    model = bag.model()
    gain = np.ones(bag.WIDTH, dtype=np.float32)
    gain[[3, 17]] = 40
    arrays = {"gain": gain, "shift": np.full(bag.WIDTH, 0.1, dtype=np.float32)}
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in arrays.items())
    weight = next(t for t in model.graph.initializer if t.name == "encoder.weight")
    weight.CopyFrom(numpy_helper.from_array(bag.WEIGHT / gain[:, None], "encoder.weight"))
    model.graph.node.insert(1, helper.make_node("LayerNormalization", ["hidden", "gain", "shift"], ["normed"], "/norm"))
    model.graph.node[2].input[0] = "normed"
    if post_norm:
        model.graph.node.insert(3, helper.make_node("ReduceMax", ["normed"], ["residual"], "/residual", keepdims=0))
        model.graph.output.append(helper.make_tensor_value_info("residual", onnx.TensorProto.FLOAT, []))
    onnx.save(model, str(source / "model.onnx"))
    return source


def exported(root, kind, opset):
    """Export a tiny random model; return its folder and rows for it."""
    from compactor.exporting import export_onnx
    from compactor.models import save
    from tests.models.images import SIZE, save_vit
    from tests.pruning import tiny

    generator = np.random.default_rng(0)
    if kind == "vit":
        save_vit(root / "torch")
        batches = [{"pixel_values": generator.normal(size=(1, 3, SIZE, SIZE)).astype(np.float32)} for _ in range(12)]
    else:
        (root / "torch").mkdir()
        save(tiny.model(kind, layers=2), tiny.tokenizer(root / "tokenizer"), root / "torch", labels=("a", "b", "c"))
        rows = [generator.integers(5, tiny.PIECES, (1, length)) for length in range(4, 16)]
        batches = [
            {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)} for ids in rows
        ]
    task = TASKS.load("image-classification" if kind == "vit" else "text-classification")()
    export_onnx(root / "torch", root / "onnx", task=task, pair=False, opset=opset)
    return root / "onnx", batches


def answers(path):
    answer = onnx_answer(path)
    return np.concatenate([answer(bag.batch(seed=seed)) for seed in range(40, 60)])


def test_the_float_model_is_unchanged_and_channels_are_even(tmp_path):
    source = normed(tmp_path / "onnx")
    model = onnx.load(str(source / "model.onnx"))
    assert smooth(model, BATCHES, 0.5, tmp_path) == 1
    onnx.save(model, str(tmp_path / "after.onnx"))
    np.testing.assert_allclose(answers(tmp_path / "after.onnx"), answers(source / "model.onnx"), rtol=1e-4, atol=1e-4)
    assert not any(node.op_type == "Mul" for node in model.graph.node)
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    # at one half, activations and weights of a channel reach equally far
    heaviest = np.abs(weights["encoder.weight"]).max(axis=1)
    hidden = np.concatenate([bag.TABLE[batch["input_ids"]].reshape(-1, bag.WIDTH) for batch in BATCHES])
    even = (hidden - hidden.mean(axis=1, keepdims=True)) / np.sqrt(hidden.var(axis=1, keepdims=True) + 1e-5)
    (gain,) = (weights[node.input[1]] for node in model.graph.node if node.op_type == "LayerNormalization")
    (shift,) = (weights[node.input[2]] for node in model.graph.node if node.op_type == "LayerNormalization")
    np.testing.assert_allclose(np.abs(even * gain + shift).max(axis=0), heaviest, rtol=1e-3)


def test_outliers_cost_less_in_static_int8(tmp_path):
    source = normed(tmp_path / "onnx")
    quantize_static_int8(source, tmp_path / "plain", BATCHES, reduce_range=False, embeddings=False)
    facts = quantize_static_int8(
        source, tmp_path / "smooth", iter(BATCHES), reduce_range=False, embeddings=False, smoothing=0.5
    )
    assert facts["smoothed_norms"] == 1
    reference = answers(source / "model.onnx")
    plain, smoothed = (agreement(reference, answers(tmp_path / name / "model.onnx")) for name in ("plain", "smooth"))
    assert smoothed.relative_error < 0.5 * plain.relative_error


def test_a_post_norm_model_is_refused(tmp_path):
    source = normed(tmp_path / "onnx", post_norm=True)
    with pytest.raises(StageError) as caught:
        quantize_static_int8(source, tmp_path / "out", BATCHES, reduce_range=False, smoothing=0.5)
    assert caught.value.problem.code == "Q120"
    assert "calibration.smoothing" in caught.value.problem.hint


@pytest.mark.model
@pytest.mark.parametrize(("kind", "opset"), [("llama", 17), ("llama", 14), ("vit", 17), ("vit", 14)])
def test_norms_of_exported_pre_norm_models_take_the_scales_in(kind, opset, tmp_path):
    source, batches = exported(tmp_path, kind, opset)
    model = onnx.load(str(source / "model.onnx"))
    # Two a layer and the last; but of a ViT's last layer and head, which read one row apart, only that before the feed-forward part.
    assert smooth(model, batches, 0.5, tmp_path) == (5 if kind == "llama" else 3)
    onnx.save(model, str(tmp_path / "after.onnx"))
    assert [node.op_type for node in model.graph.node] == [
        node.op_type for node in onnx.load(str(source / "model.onnx")).graph.node
    ]
    quantize_static_int8(source, tmp_path / "int8", batches, reduce_range=False, smoothing=0.5)
    before, after, int8 = (
        np.concatenate([onnx_answer(path)(batch) for batch in batches])
        for path in (source / "model.onnx", tmp_path / "after.onnx", tmp_path / "int8/model.onnx")
    )
    np.testing.assert_allclose(after, before, atol=1e-4 * np.abs(before).max())
    assert agreement(before, int8).cosine > 0.98


@pytest.mark.model
def test_a_post_norm_model_at_an_old_opset_is_refused(tmp_path):
    source, batches = exported(tmp_path, "bert", 14)
    with pytest.raises(StageError) as caught:
        smooth(onnx.load(str(source / "model.onnx")), batches, 0.5, tmp_path)
    assert caught.value.problem.code == "Q120"
