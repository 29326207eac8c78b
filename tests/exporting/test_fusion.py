"""A fused graph answers as the plain one, has attention as single nodes, and is kept only where it is faster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from compactor.base.errors import StageError
from compactor.bundle.manifest import describe_graph
from compactor.checks.answers import onnx_answer
from compactor.checks.fusion import fusing_slows, fusing_unmeasured, nothing_fused
from compactor.exporting.fusion import CPU, fuse
from compactor.quantization import quantize_dynamic_int8
from compactor.stages.fuse import Fuse
from compactor.targets import Target
from compactor.tasks import TASKS
from tests.exporting import tiny
from tests.quantization import bag
from tests.stages import works


def exported(root: Path) -> Path:
    from compactor.exporting import export_onnx

    source = tiny.save_model(root / "torch")
    export_onnx(source, root / "plain", task=TASKS.load("text-classification")(), pair=False, opset=17, every_row=True)
    return root / "plain"


@pytest.mark.model
def test_attention_becomes_single_nodes_and_answers_stay(tmp_path):
    plain = exported(tmp_path)
    facts = fuse(plain, tmp_path / "fused", provider=CPU)
    assert facts["attention"] == 2
    assert facts["nodes"] < facts["nodes_before"]
    assert "SkipLayerNormalization" not in facts["fused"], "its kernel is slower on a processor"
    assert fuse(plain, tmp_path / "gpu", provider="CUDAExecutionProvider")["fused"]["SkipLayerNormalization"] > 0
    batch = tiny.Rows().batch(np.arange(5))
    onnx.checker.check_model(str(tmp_path / "fused/model.onnx"))
    assert describe_graph(tmp_path / "fused/model.onnx")["opsets"] == {"ai.onnx": 17, "com.microsoft": 1}
    before, after = (onnx_answer(tmp_path / name / "model.onnx")(batch) for name in ("plain", "fused"))
    np.testing.assert_allclose(after, before, atol=1e-5)
    assert {path.name for path in (tmp_path / "fused").iterdir()} == {path.name for path in plain.iterdir()}


@pytest.mark.model
def test_a_layer_with_fewer_heads_than_the_configuration_says_is_fused_as_it_is(tmp_path):
    from compactor.exporting import export_onnx
    from compactor.models import load, save
    from compactor.pruning.width import cut, finish, trace, units

    task, source = TASKS.load("text-classification")(), tiny.save_model(tmp_path / "torch")
    model = load(source, task)
    cut(trace(model), units(model, "heads")[0], np.array([1]))
    finish(model)
    (tmp_path / "cut").mkdir()
    save(model, source, tmp_path / "cut", labels=tiny.LABELS)
    export_onnx(tmp_path / "cut", tmp_path / "plain", task=task, pair=False, opset=17, every_row=True)
    assert fuse(tmp_path / "plain", tmp_path / "fused", provider=CPU)["attention"] == 2
    batch = tiny.Rows().batch(np.arange(5))
    before, after = (onnx_answer(tmp_path / name / "model.onnx")(batch) for name in ("plain", "fused"))
    np.testing.assert_allclose(after, before, atol=1e-5)


@pytest.mark.parametrize("config", [{"hidden_size": 32}, {"hidden_size": 32, "num_attention_heads": 3}])
def test_a_model_whose_heads_the_optimizer_would_refuse_is_fused_as_far_as_it_goes(config, tmp_path):
    source = bag.folder(tmp_path / "plain")
    (source / "config.json").write_text(json.dumps(config))
    assert fuse(source, tmp_path / "fused", provider=CPU)["attention"] == 0


@pytest.mark.model
def test_a_fused_graph_is_not_quantized(tmp_path):
    fuse(exported(tmp_path), tmp_path / "fused", provider=CPU)
    with pytest.raises(StageError, match="Attention") as caught:
        quantize_dynamic_int8(tmp_path / "fused", tmp_path / "int8", reduce_range=False)
    assert caught.value.problem.code == "Q126"


@pytest.mark.model
@pytest.mark.parametrize(
    ("ratio", "kept", "codes"),
    [((0.8, (0.7, 0.9)), "fused", []), ((1.2, (1.1, 1.3)), "plain", ["X141"]), ((0.99, (0.9, 1.1)), "plain", ["X141"])],
)
def test_the_stage_keeps_the_graph_that_is_faster(ratio, kept, codes, tmp_path, monkeypatch):
    import compactor.stages.fuse as stage

    plain = exported(tmp_path)
    work: Any = works.make_work(tmp_path, "work", works.open_small(tmp_path))
    work.target = Target(name="here", title="", machine="any")
    monkeypatch.setattr(stage, "_ratio", lambda *_: ratio)
    Fuse().run(works.artifact(plain), work)
    assert work.facts["fuse"]["kept"] == kept
    assert [finding.code for finding in work.reporter.findings] == codes
    same = (work.folder / "model.onnx").read_bytes() == (plain / "model.onnx").read_bytes()
    assert same == (kept == "plain")
    assert json.loads((work.folder / "interface.json").read_text())["precision"] == "fp32"


def test_findings_about_fusion():
    (zero,) = nothing_fused(0, {"Gelu": 2}, place="")
    assert zero.code == "X140"
    assert "2 Gelu" in zero.sentence
    assert not list(nothing_fused(6, {}, place=""))
    assert not list(fusing_slows(0.9, (0.85, 0.97), place=""))
    (slow,), (unclear,) = fusing_slows(1.1, (1.05, 1.2), place=""), fusing_slows(0.99, (0.9, 1.1), place="")
    assert (slow.severity, unclear.severity) == ("warning", "note")
    assert [finding.code for finding in fusing_unmeasured("no provider", place="")] == ["X142"]
