"""The export and quantize stages: proved on real rows, refused where they cannot do what the profile says."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.stages.export import Export
from compactor.stages.quantize import Quantize
from compactor.targets import Target
from tests.stages import works


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Any:
    """Train a tiny teacher once and export it; return (root, data, torch artifact, onnx artifact, facts of the export)."""
    from compactor.stages.teacher import Teacher

    root = tmp_path_factory.mktemp("export")
    data = works.open_small(root)
    work = works.make_work(root, "teacher", data)
    config = {"layers": 2, "hidden": 32, "heads": 4, "intermediate": 64, "vocabulary": 160}
    stage = Teacher.model_validate({"config": config, "train": {"epochs": 6, "learning_rate": 3e-3}, "max_length": 24})
    stage.run(None, work)
    teacher = works.artifact(work.folder)
    work = handle(root, "onnx", data)
    Export().run(teacher, work)
    return root, data, teacher, works.artifact(work.folder, "export"), work.facts


def handle(root: Any, name: str, data: Any, **target: Any) -> Any:
    work = works.make_work(root, name, data)
    work.target = Target(name="here", title="", machine="any", **target)
    return work


@pytest.mark.model
def test_export_keeps_the_figures_of_its_proof(place):
    *_, facts = place
    assert facts["parity"]["scaled_difference"] < 1e-5
    assert facts["parity"]["top1"] == 1
    assert [5, 24] in facts["parity"]["shapes"]
    assert facts["export"]["opset"] == 17


@pytest.mark.model
def test_a_graph_that_answers_otherwise_ends_the_stage(place, monkeypatch):
    from compactor.exporting import wrapper

    root, data, teacher, *_ = place
    honest = wrapper.OneSentence.forward
    # an exporter that loses the mask, as one does that is given a mask of ones
    monkeypatch.setattr(
        wrapper.OneSentence, "forward", lambda self, input_ids, attention_mask: honest(self, input_ids, attention_mask * 0 + 1)
    )
    with pytest.raises(StageError) as caught:
        Export().run(teacher, handle(root, "maskless", data))
    assert caught.value.problem.code in {"X110", "X111"}


@pytest.mark.model
@pytest.mark.parametrize("method", ["dynamic-int8", "static-int8", "nf4", "fp4", "fp16"])
def test_a_quantized_model_agrees_with_the_float_one(place, method):
    root, data, _, source, _ = place
    work = handle(root, method, data)
    Quantize.model_validate({"method": method, "calibration": {"rows": 16}}).run(source, work)
    assert work.facts["agreement_with_fp32"]["cosine"] > 0.98
    assert work.facts["agreement_with_fp32"]["top1"] > 0.9
    assert work.facts["size_bytes"]["after"] < work.facts["size_bytes"]["before"]
    precision = {"dynamic-int8": "int8-dynamic", "static-int8": "int8-static"}.get(method, method)
    assert json.loads((work.folder / "interface.json").read_text())["precision"] == precision
    if method == "static-int8":
        assert work.facts["quantize"]["calibration_rows"] == 16
        assert "Q103" not in {finding.code for finding in work.reporter.findings}


@pytest.mark.model
def test_bfloat16_is_compared_where_its_kernels_are_and_nowhere_else(place):
    from compactor.base.errors import MissingError

    root, data, _, source, _ = place
    work = handle(root, "bf16", data, provider="CUDAExecutionProvider")
    with pytest.raises(MissingError, match="CUDAExecutionProvider, which is not here"):
        Quantize(method="bf16").run(source, work)


@pytest.mark.model
@pytest.mark.parametrize("how", ["percentile", "entropy"])
def test_static_ranges_by_histogram_and_corrected_biases(place, how):
    root, data, _, source, _ = place
    work = handle(root, how, data)
    calibration = {"rows": 16, "method": how, "percentile": 99.9, "bias_correction": True}
    Quantize.model_validate({"method": "static-int8", "calibration": calibration}).run(source, work)
    assert work.facts["agreement_with_fp32"]["top1"] > 0.9
    # every product of the encoder and of the head has a bias: six a layer, the pooler, the classifier
    assert work.facts["quantize"]["corrected_biases"] == 14


@pytest.mark.model
@pytest.mark.parametrize(("algorithm", "bits"), [("rtn", 4), ("gptq", 4), ("awq", 4), ("gptq", 2)])
def test_weights_alone_in_few_bits(place, algorithm, bits):
    root, data, _, source, _ = place
    work = handle(root, f"{algorithm}{bits}", data, oldest_onnxruntime="1.24")
    weights = {"algorithm": algorithm, "bits": bits, "block": 16}
    Quantize.model_validate({"method": "int4", "weights": weights, "calibration": {"rows": 32}}).run(source, work)
    facts = work.facts["quantize"]
    assert work.facts["agreement_with_fp32"]["top1"] > (0.9 if bits == 4 else 0.6)
    assert json.loads((work.folder / "interface.json").read_text())["precision"] == f"int{bits}-{algorithm}"
    assert facts["operators"]["MatMulNBits"] == 14
    assert facts["operators"]["GatherBlockQuantized"] >= 2
    if algorithm != "rtn":
        assert facts["output_error"] < facts["output_error_rtn"]
    # exact kernels answer alone as in a padded batch; those with activations in 8 bits nearly
    assert work.facts["padding"]["top1"] > 0.9
    assert "Q119" in {finding.code for finding in work.reporter.findings}


@pytest.mark.model
@pytest.mark.parametrize("oldest", ["1.17", "1.22"])
def test_tables_get_eight_bits_where_the_runtime_cannot_look_up_fewer(place, oldest):
    root, data, _, source, _ = place
    work = handle(root, f"older than {oldest}", data, oldest_onnxruntime=oldest)
    Quantize.model_validate({"method": "int4", "weights": {"block": 16}}).run(source, work)
    operators = work.facts["quantize"]["operators"]
    assert operators["DequantizeLinear"] >= 2
    assert "GatherBlockQuantized" not in operators


@pytest.mark.model
def test_smoothing_a_post_norm_model_is_refused_with_a_sentence(place):
    root, data, _, source, _ = place
    stage = Quantize.model_validate({"method": "static-int8", "calibration": {"rows": 4, "smoothing": 0.5}})
    with pytest.raises(StageError, match="pre-norm"):
        stage.run(source, handle(root, "smooth", data))


@pytest.mark.model
def test_weights_have_seven_bits_where_the_target_has_no_dot_products(place):
    import onnx
    from onnx import numpy_helper

    root, data, _, source, _ = place
    work = handle(root, "seven", data, int8_dot_product=False)
    Quantize().run(source, work)
    weights = {t.name: numpy_helper.to_array(t) for t in onnx.load(str(work.folder / "model.onnx")).graph.initializer}
    name = "bert.encoder.layer.0.output.dense.weight_quantized"
    assert np.abs(weights[name].astype(int)).max() <= 64
    assert work.facts["quantize"]["reduce_range"] is True


@pytest.mark.model
def test_nothing_quantized_twice_and_nothing_left_undone(place):
    root, data, _, source, _ = place
    work = handle(root, "once", data)
    Quantize().run(source, work)
    with pytest.raises(StageError) as caught:
        Quantize().run(works.artifact(work.folder, "quantize"), handle(root, "twice", data))
    assert caught.value.problem.code == "Q102"
    with pytest.raises(StageError) as caught:
        Quantize(keep=("*",)).run(source, handle(root, "nothing", data))
    assert caught.value.problem.code == "Q101"


@pytest.fixture(scope="module")
def fragile(place) -> Any:
    """The export with one row of the table, of a piece that no text has, made huge: one scale for the table ruins all others."""
    import shutil

    import onnx
    from onnx import numpy_helper

    root, data, _, source, _ = place
    folder = root / "fragile"
    shutil.copytree(source.folder, folder)
    model = onnx.load(str(folder / "model.onnx"))
    table = next(t for t in model.graph.initializer if "word_embeddings" in t.name)
    values = numpy_helper.to_array(table).copy()
    values[4] *= 3000
    table.CopyFrom(numpy_helper.from_array(values, table.name))
    onnx.save(model, str(folder / "model.onnx"))
    return root, data, works.artifact(folder, "export")


@pytest.mark.model
@pytest.mark.parametrize("method", ["dynamic-int8", "static-int8"])
def test_keep_auto_leaves_only_the_node_in_float_that_loses_the_answers(fragile, method):
    root, data, source = fragile
    work = handle(root, f"auto-{method}", data)
    stage = Quantize.model_validate({"method": method, "keep": "auto", "max_drop": 0.02, "calibration": {"rows": 16}})
    stage.run(source, work)
    facts = work.facts["quantize"]
    assert len(facts["kept_nodes"]) == 1
    assert "word_embeddings" in facts["kept_nodes"][0]
    assert facts["sensitivity"][0]["node"] == facts["kept_nodes"][0]
    assert len(facts["sensitivity"]) == facts["quantized_nodes"] + 1
    assert facts["drop_on_validation"] <= 0.02
    assert work.facts["agreement_with_fp32"]["top1"] > 0.95
    assert "Q112" in {finding.code for finding in work.reporter.findings}
    assert not (work.checkpoints / "tries").exists()
    assert not [path for path in work.folder.iterdir() if path.is_dir()]


@pytest.mark.model
def test_repair_tries_until_the_budget_is_met_and_tells_each_try(fragile):
    root, data, source = fragile
    work = handle(root, "repair", data)
    Quantize(repair=True, per_channel=False, max_drop=0.02).run(source, work)
    tries = work.facts["quantize"]["tries"]
    assert [each["name"] for each in tries] == ["as set", "a scale for each column", "sensitive nodes in float"]
    assert [each["met"] for each in tries] == [False, False, True]
    assert tries[0]["drop"] > 0.1
    assert work.facts["size_bytes"]["after"] == tries[-1]["size_bytes"]
    assert "Q113" in {finding.code for finding in work.reporter.findings}


@pytest.mark.model
def test_a_model_within_the_budget_is_left_as_it_was_quantized(place):
    root, data, _, source, _ = place
    plain, checked = handle(root, "plain", data), handle(root, "checked", data)
    Quantize().run(source, plain)
    Quantize(repair=True, keep="auto", max_drop=0.05).run(source, checked)
    assert (plain.folder / "model.onnx").read_bytes() == (checked.folder / "model.onnx").read_bytes()
    assert not {"Q112", "Q113", "Q114"} & {finding.code for finding in checked.reporter.findings}


@pytest.mark.model
def test_a_budget_that_nothing_meets_leaves_the_best(fragile, monkeypatch):
    from compactor.stages._repair import Bench

    root, data, source = fragile
    values = iter([0.9, 0.3, 0.5, 0.6, 0.4] + [0.5] * 20)
    monkeypatch.setattr(Bench, "_value", lambda self, folder: next(values))
    work = handle(root, "hopeless", data)
    Quantize(repair=True, keep=("*encoder*",), max_drop=0.02).run(source, work)
    facts = work.facts["quantize"]
    assert facts["drop_on_validation"] == 0.3
    assert min(each["drop"] for each in facts["tries"]) == 0.3
    assert "Q114" in {finding.code for finding in work.reporter.findings}
