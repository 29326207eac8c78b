"""The formulas of rounding against onnxruntime itself: its quantizer for weights, its kernels for activations."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

pytestmark = pytest.mark.model


def run(nodes, inputs, outputs):
    import onnxruntime

    kinds = {
        np.dtype(np.float32): TensorProto.FLOAT,
        np.dtype(np.uint8): TensorProto.UINT8,
        np.dtype(np.int8): TensorProto.INT8,
    }
    given = [helper.make_tensor_value_info(name, kinds[array.dtype], array.shape) for name, array in inputs.items()]
    graph = helper.make_graph(nodes, "g", given, [helper.make_empty_tensor_value_info(name) for name in outputs])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(outputs, inputs)


@pytest.mark.parametrize("shift", [0.0, 3.0, -3.0, 100.0])
def test_activations_are_rounded_as_the_kernel_rounds_them_bit_for_bit(shift):
    import torch

    from compactor.distillation.quantization_aware.rounding import round_activations

    values = np.random.default_rng(1).normal(shift, 1, (40, 31)).astype(np.float32)
    node = helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"])
    codes, scale, zero = run([node], {"x": values}, ["q", "scale", "zero"])
    found = round_activations(torch.from_numpy(values)[None], None)
    assert np.array_equal(found.whole[0].numpy(), codes.astype(np.float32) - zero)
    assert found.scale.item() == scale


def test_a_row_is_rounded_as_if_it_were_alone_and_padding_takes_no_part():
    import torch

    from compactor.distillation.quantization_aware.rounding import round_activations

    values = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 10.0, 100.0])[:, None, None]
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]])
    together = round_activations(values, mask)
    for row, length in enumerate(mask.sum(1).tolist()):
        alone = round_activations(values[row : row + 1, :length], None)
        assert torch.equal(together.whole[row, :length], alone.whole[0])
        assert together.scale[row].item() == alone.scale.item()
    assert round_activations(torch.zeros(1, 2, 3), None).values.abs().max() == 0


@pytest.mark.parametrize(("reduce_range", "per_channel"), [(False, True), (True, True), (False, False), (True, False)])
def test_weights_and_tables_are_rounded_as_the_quantizer_rounds_them_bit_for_bit(reduce_range, per_channel, tmp_path):
    import torch

    from compactor.distillation.quantization_aware.rounding import round_matrix, round_rows
    from compactor.quantization import quantize_dynamic_int8
    from tests.quantization import bag

    quantize_dynamic_int8(bag.folder(tmp_path / "f"), tmp_path / "q", reduce_range=reduce_range, per_channel=per_channel)
    stored = onnx.load(str(tmp_path / "q/model.onnx")).graph.initializer
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in stored}
    matrix = round_matrix(torch.from_numpy(bag.WEIGHT.T.copy()), bits=7 if reduce_range else 8, per_channel=per_channel)
    assert np.array_equal(matrix.whole.numpy().T, arrays["encoder.weight_quantized"])
    assert np.array_equal(matrix.scale.numpy().squeeze(), arrays["encoder.weight_scale"])
    again = round_matrix(matrix.values, bits=7 if reduce_range else 8, per_channel=per_channel)
    assert torch.equal(again.whole, matrix.whole)  # what is rounded already stays as it is
    table = torch.from_numpy(bag.TABLE)
    rows = round_rows(table, table.min(), table.max())
    zero = arrays["embeddings.weight_zero_point"]
    assert np.array_equal(rows.whole.numpy(), arrays["embeddings.weight_quantized"].astype(np.float32) - zero)
    assert rows.scale.item() == arrays["embeddings.weight_scale"]


def test_the_gradient_passes_straight_through_inside_the_range_and_not_outside():
    import torch

    from compactor.distillation.quantization_aware.rounding import to_codes

    values = torch.tensor([-30.0, -1.3, 0.0, 0.26, 1.9, 30.0], requires_grad=True)
    codes = to_codes(values, torch.tensor(0.1), 100, 0, 255)
    assert codes.values.tolist() == pytest.approx([-10.0, -1.3, 0.0, 0.3, 1.9, 15.5], abs=1e-6)
    codes.values.backward(torch.arange(1.0, 7.0))
    assert values.grad is not None
    assert values.grad.tolist() == pytest.approx([0, 2, 3, 4, 5, 0])
