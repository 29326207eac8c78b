"""Everything the app ships is counted once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.measuring.size import model_file, size_by_part, size_bytes

PARTS = ("embeddings", "encoder", "head", "tokenizer", "graph")


def test_parts_are_found_by_use_and_add_up(make_model: Callable[..., Path]) -> None:
    folder = make_model("m", layers=4, width=32).parent
    (folder / "tokenizer.json").write_bytes(b"x" * 1000)
    (folder / "vocab.txt").write_bytes(b"x" * 10)
    (folder / "labels.json").write_bytes(b"x" * 5)
    (folder / "README.md").write_bytes(b"not shipped")
    sizes = size_by_part(folder)
    assert sizes["embeddings"] == 50 * 32 * 4
    assert sizes["encoder"] == 4 * 32 * 32 * 4
    # The classifier has no telling name: it is the last product before the output, with its bias.
    assert sizes["head"] == (32 * 3 + 3) * 4
    assert sizes["tokenizer"] == 1010
    assert sum(sizes[part] for part in PARTS) == sizes["total"] == size_bytes(folder)
    shipped = ("model.onnx", "interface.json", "tokenizer.json", "vocab.txt", "labels.json")
    assert sizes["total"] == sum((folder / name).stat().st_size for name in shipped)


def test_quantized_tables_and_their_scales_are_embeddings(make_model: Callable[..., Path], tmp_path: Path) -> None:
    model = make_model("m", layers=2, width=32)
    from onnxruntime.quantization import QuantType, quantize_dynamic

    folder = tmp_path / "int8"
    folder.mkdir()
    quantize_dynamic(model, folder / "model.onnx", per_channel=True, weight_type=QuantType.QInt8)
    sizes = size_by_part(folder)
    assert 50 * 32 <= sizes["embeddings"] <= 50 * 32 + 8 * 32
    assert 2 * 32 * 32 <= sizes["encoder"] <= 2 * (32 * 32 + 8 * 32)
    assert 32 * 3 <= sizes["head"] <= 32 * 3 + 5 * 3 + 4 * 3
    assert sum(sizes[part] for part in PARTS) == sizes["total"] == (folder / "model.onnx").stat().st_size


def test_weights_beside_the_file_count(make_model: Callable[..., Path], tmp_path: Path) -> None:
    import onnx

    model = onnx.load(make_model("m", layers=4, width=64))
    folder = tmp_path / "outside"
    folder.mkdir()
    onnx.save(model, folder / "model.onnx", save_as_external_data=True, location="model.onnx_data", size_threshold=0)
    sizes = size_by_part(folder)
    assert sizes["encoder"] == 4 * 64 * 64 * 4
    assert sizes["total"] == sum(path.stat().st_size for path in folder.iterdir())
    assert sum(sizes[part] for part in PARTS) == sizes["total"]
    assert sizes["graph"] > 0
    assert size_bytes(folder / "model.onnx") == sizes["total"]


def test_a_bundle_keeps_its_model_one_folder_down(make_model: Callable[..., Path], tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    (bundle / "onnx").mkdir(parents=True)
    make_model("m", 1).rename(bundle / "onnx" / "model_quantized.onnx")
    (bundle / "manifest.json").write_text("{}")
    (bundle / "golden.json").write_text("not shipped")
    assert model_file(bundle).name == "model_quantized.onnx"
    assert size_bytes(bundle) == (bundle / "onnx" / "model_quantized.onnx").stat().st_size + 2


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="no ONNX model"):
        model_file(tmp_path)


def test_typed_data_is_counted_exactly(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    table = helper.make_tensor("table", TensorProto.INT8, [40, 8], np.arange(320) % 100)  # int32_data, not raw bytes
    node = helper.make_node("Gather", ["table", "ids"], ["out"])
    given = helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "sequence"])
    gives = helper.make_tensor_value_info("out", TensorProto.INT8, ["batch", "sequence", 8])
    onnx.save(helper.make_model(helper.make_graph([node], "g", [given], [gives], [table])), tmp_path / "model.onnx")
    sizes = size_by_part(tmp_path)
    assert sizes["embeddings"] == 320
    assert sum(sizes[part] for part in PARTS) == sizes["total"]
