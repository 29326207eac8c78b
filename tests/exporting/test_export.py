"""An exported graph answers as the torch model does, in every shape, and is the same file every time."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.checks.agreement import agreement
from compactor.checks.answers import onnx_answer, torch_answer
from compactor.checks.parity import parity, shapes
from compactor.tasks import TASKS
from tests.exporting import tiny

pytestmark = pytest.mark.model
TASK = TASKS.load("text-classification")()


def export(source: Path, folder: Path, **changed: Any) -> dict[str, Any]:
    from compactor.exporting import export_onnx

    return export_onnx(source, folder, **{"task": TASK, "pair": False, "opset": 17, **changed})


def differences(source: Path, folder: Path, *, pair: bool = False) -> Any:
    from compactor.models import load

    torch, onnx = torch_answer(load(source, TASK)), onnx_answer(folder / "model.onnx")
    batches = list(shapes(tiny.Rows(pair=pair), longest=tiny.LONGEST, pad_id=tiny.PAD))
    return agreement(np.concatenate([torch(batch) for batch in batches]), np.concatenate([onnx(batch) for batch in batches]))


@pytest.mark.parametrize("pair", [False, True])
@pytest.mark.parametrize("kind", tiny.FAMILIES)
def test_the_graph_answers_as_the_model_does(kind, pair, tmp_path):
    source = tiny.save_model(tmp_path / "torch", kind)
    facts = export(source, tmp_path / "onnx", pair=pair)
    found = differences(source, tmp_path / "onnx", pair=pair)
    assert found.scaled_difference < 1e-5
    assert found.top1 == 1
    assert not list(parity(found, place=""))
    assert (facts["opset"], facts["ir_version"]) == (17, 8)
    interface = json.loads((tmp_path / "onnx/interface.json").read_text())
    types = pair and kind in {"bert", "electra"}  # DistilBERT has no token types, this RoBERTa has a single one
    assert list(interface["inputs"]) == ["input_ids", "attention_mask"] + ["token_type_ids"] * types
    assert interface["outputs"] == {"logits": {"dtype": "float32", "axes": ["batch", "labels"]}}
    assert (interface["max_length"], interface["pad_id"], interface["pair"]) == (tiny.LONGEST, tiny.PAD, pair)
    assert json.loads((tmp_path / "onnx/labels.json").read_text()) == list(tiny.LABELS)
    assert {path.name for path in (tmp_path / "onnx").iterdir()} >= {"tokenizer.json", "tokenizer_config.json", "config.json"}


def test_padding_is_masked(tmp_path):
    source = tiny.save_model(tmp_path / "torch")
    export(source, tmp_path / "onnx")
    answer, rows = onnx_answer(tmp_path / "onnx/model.onnx"), tiny.Rows()
    short = int(np.argmin(rows.lengths))
    alone = answer(rows.batch(np.array([short])))
    together = answer(rows.batch(np.array([short, int(np.argmax(rows.lengths))])))
    np.testing.assert_allclose(together[:1], alone, atol=1e-5)


def test_a_wrong_graph_is_told_from_a_right_one(tmp_path):
    ours = tiny.save_model(tmp_path / "ours")
    export(tiny.save_model(tmp_path / "others", seed=1), tmp_path / "onnx")
    (finding,) = parity(differences(ours, tmp_path / "onnx"), place="")
    assert finding.code == "X110"
    assert finding.severity == "error"


def test_the_same_weights_give_the_same_file_in_another_process(tmp_path):
    source = tiny.save_model(tmp_path / "torch")
    export(source, tmp_path / "first")
    code = (
        "import sys; from pathlib import Path; from compactor.exporting import export_onnx; from compactor.tasks import TASKS;"
        "export_onnx(Path(sys.argv[1]), Path(sys.argv[2]), task=TASKS.load('text-classification')(), pair=False, opset=17)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code, str(source), str(tmp_path / "second")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes(), path.name
    assert str(tmp_path).encode() not in (tmp_path / "first/model.onnx").read_bytes()


def test_nothing_is_said_and_no_state_is_left(tmp_path, capfd):
    source = tiny.save_model(tmp_path / "torch")
    capfd.readouterr()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        export(source, tmp_path / "onnx")
    assert [str(each.message) for each in heard] == []
    assert capfd.readouterr().out == ""


def test_weights_keep_their_names_and_are_there_once(tmp_path):
    import onnx
    import torch

    from compactor.models import load, save

    source = tiny.save_model(tmp_path / "torch")
    model = load(source, TASK)
    with torch.no_grad():  # the same matrix in two layers, as where layers are shared
        model.bert.encoder.layer[1].output.dense.weight.copy_(model.bert.encoder.layer[0].output.dense.weight)
    (tmp_path / "shared").mkdir()
    save(model, source, tmp_path / "shared", labels=tiny.LABELS)
    export(tmp_path / "shared", tmp_path / "onnx")
    names = [tensor.name for tensor in onnx.load(str(tmp_path / "onnx/model.onnx")).graph.initializer]
    assert "bert.embeddings.word_embeddings.weight" in names
    assert "bert.encoder.layer.0.output.dense.weight" in names
    assert "bert.encoder.layer.1.output.dense.weight" not in names
    assert differences(tmp_path / "shared", tmp_path / "onnx").scaled_difference < 1e-5


def test_a_model_too_large_for_one_file_is_refused(tmp_path, monkeypatch):
    from compactor.exporting import export as module

    monkeypatch.setattr(module, "LARGEST_WEIGHTS_BYTES", 1000)
    with pytest.raises(StageError, match="one ONNX file holds less than 2 GB"):
        export(tiny.save_model(tmp_path / "torch"), tmp_path / "onnx")


def test_an_opset_that_the_backend_does_not_write_is_refused(tmp_path):
    source = tiny.save_model(tmp_path / "torch")
    for backend, opset in (("dynamo", 17), ("torchscript", 21)):
        with pytest.raises(StageError) as caught:
            export(source, tmp_path / "onnx", backend=backend, opset=opset)
        assert caught.value.problem.code == "X103"
        assert not (tmp_path / "onnx/model.onnx").exists()


def test_the_dynamo_backend_gives_the_same_answers_and_names(tmp_path):
    import onnx

    source = tiny.save_model(tmp_path / "torch", "bert")
    facts = export(source, tmp_path / "onnx", backend="dynamo", opset=18)
    assert (facts["opset"], facts["ir_version"]) == (18, 8)
    assert differences(source, tmp_path / "onnx").scaled_difference < 1e-5
    graph = onnx.load(str(tmp_path / "onnx/model.onnx")).graph
    assert {node.domain for node in graph.node} == {""}
    assert "bert.encoder.layer.0.attention.self.query.weight" in {tensor.name for tensor in graph.initializer}
    assert "/bert/encoder/layer.0/attention/self/query/MatMul" in {node.name for node in graph.node}
    assert [axis.dim_param for axis in graph.input[0].type.tensor_type.shape.dim] == ["batch", "sequence"]
    # its graphs quantize too
    from compactor.quantization import quantize_dynamic_int8

    quantize_dynamic_int8(tmp_path / "onnx", tmp_path / "int8", reduce_range=False)
    assert agreement_of(tmp_path / "onnx", tmp_path / "int8") > 0.95


def agreement_of(first: Path, second: Path) -> float:
    batches = list(shapes(tiny.Rows(), longest=tiny.LONGEST, pad_id=tiny.PAD))
    answers = [np.concatenate([onnx_answer(each / "model.onnx")(batch) for batch in batches]) for each in (first, second)]
    return agreement(*answers).cosine


def test_onnxruntime_still_fuses_the_attention(tmp_path):
    import transformers
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

    facts = export(tiny.save_model(tmp_path / "torch"), tmp_path / "onnx", every_row=True)
    if int(transformers.__version__.partition(".")[0]) >= 5:  # 4.57 writes another mask, which is left as it is
        assert facts["masks"] == 1
        assert facts["constant_shapes"] == 8
    path = str(tmp_path / "onnx/model.onnx")
    fused = optimize_model(path, "bert", num_heads=2, hidden_size=32, opt_level=0, optimization_options=FusionOptions("bert"))
    assert fused.get_fused_operator_statistics()["Attention"] == 2
