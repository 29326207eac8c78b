"""Every family goes the whole way alike: described, shortened, narrowed, saved, read again, exported, quantized, made sparse."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.tasks import TASKS
from tests.pruning import tiny

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.model

from compactor.models import load, parameter_count, save  # noqa: E402
from compactor.models.families import describe, is_layered  # noqa: E402
from compactor.models.layers import keep_layers  # noqa: E402
from compactor.pruning.prediction import predicted_parameters  # noqa: E402
from compactor.pruning.width import cut, finish, mask, trace, units  # noqa: E402

FAMILIES = (*tiny.FAMILIES, *tiny.DECODERS)
TASK = TASKS.load("text-classification")()
LABELS = ("a", "b", "c")
# Units of each layer that stay: the same number in both, or not.
UNIFORM = {"intermediate": [[*range(0, 64, 2)], [*range(32)]], "heads": [[1], [0]]}
UNEVEN = {"intermediate": [[*range(0, 64, 2)], [*range(16)]], "heads": [[1], [0, 1]]}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def made(family: str) -> Any:
    """Return a random model of two layers; not to be changed."""
    return tiny.model(family, layers=2)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tokenizer(tmp_path_factory.mktemp("tokenizer"), fixed_padding=False)


def narrowed(model: Any, kept: dict[str, list[list[int]]], *, masked: bool = False) -> Any:
    """Return a copy whose layers keep these units, cut or only silenced."""
    model = copy.deepcopy(model)
    graph = None if masked else trace(model)
    for part, layers in kept.items():
        for where, stay in zip(units(model, part), layers, strict=True):  # type: ignore[arg-type]
            count = np.array(stay[: where.count])
            mask(where, count) if masked else cut(graph, where, count)
    if not masked:
        finish(model)
    return model


def answers(model: Any) -> np.ndarray:
    return tiny.logits(model, tiny.batches(2, pad=0))


def written(model: Any, tokenizer: Path, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    save(model, tokenizer, folder, labels=LABELS)
    return folder


def test_the_parts_are_found(family, made):
    encoder = describe(made)
    assert (encoder.hidden, len(encoder.parts), encoder.causal) == (32, 2, family in tiny.DECODERS)
    layer = encoder.parts[0]
    assert (layer.heads, layer.head_size, layer.kv_heads) == (4, 8, 2 if encoder.causal else 4)
    assert (layer.gate is not None) == encoder.causal
    assert {id(linear) for together in layer.flow for linear in together} == {
        id(module) for module in layer.module.modules() if isinstance(module, torch.nn.Linear)
    }
    counted = parameter_count(made)
    assert counted["embeddings"] + counted["encoder"] + counted["head"] == counted["total"]


def test_known_layers_after_embeddings_that_are_not_known_make_no_family():
    """RoFormer's layers are named as BERT's, and it has no table of positions."""
    roformer = tiny.model("roformer", layers=1)
    assert not is_layered(roformer)
    for told in (describe, parameter_count):
        with pytest.raises(StageError, match="roformer has no embeddings and layers of a known shape") as raised:
            told(roformer)
        assert raised.value.problem.code == "L120"


def test_masking_and_cutting_agree_to_nothing(made):
    assert np.abs(answers(narrowed(made, UNEVEN, masked=True)) - answers(narrowed(made, UNEVEN))).max() <= 1e-5


@pytest.mark.parametrize("kept", [UNIFORM, UNEVEN], ids=["uniform", "uneven"])
def test_predicted_parameters_are_the_real_ones(made, kept):
    model = narrowed(made, kept)
    counts = {
        part: [min(len(stay), place.count) for stay, place in zip(layers, units(made, part), strict=True)]
        for part, layers in kept.items()
    }
    assert predicted_parameters(made, **counts) == parameter_count(model)["total"]
    keep_layers(model, [1])
    assert predicted_parameters(narrowed(made, kept), layers=[1]) == parameter_count(model)["total"]


@pytest.mark.parametrize("kept", [{}, UNIFORM, UNEVEN], ids=["whole", "uniform", "uneven"])
def test_a_folder_is_read_back_to_the_bit(family, made, kept, tokenizer, tmp_path):
    from transformers import AutoModelForSequenceClassification

    model = narrowed(made, kept)
    folder = written(model, tokenizer, tmp_path)
    assert np.array_equal(answers(load(folder, TASK)), answers(model))
    # Heads that do not fill the hidden width can be said by decoders alone.
    plain = "layer_widths" not in json.loads((folder / "config.json").read_text())
    assert plain == (not kept or (kept is UNIFORM and family in tiny.DECODERS))
    if plain:
        stock = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
        assert np.array_equal(answers(stock), answers(model))


def test_a_layer_less_answers_as_the_model_without_it(made, tokenizer, tmp_path):
    model = copy.deepcopy(made)
    keep_layers(model, [1])
    assert np.array_equal(answers(load(written(model, tokenizer, tmp_path), TASK)), answers(model))
    assert not np.array_equal(answers(model), answers(made))
    assert len(describe(made).parts) == 2


def test_the_graph_answers_as_torch_and_nearly_so_in_int8(made, tokenizer, tmp_path):
    import onnxruntime

    from compactor.exporting import export_onnx
    from compactor.quantization import quantize_dynamic_int8

    model = narrowed(made, UNEVEN)
    export_onnx(written(model, tokenizer, tmp_path / "torch"), tmp_path / "onnx", task=TASK, pair=False, opset=17)
    batch = tiny.batches(1, pad=0)[0]
    wanted = tiny.logits(model, [batch])
    session = onnxruntime.InferenceSession(tmp_path / "onnx" / "model.onnx", providers=["CPUExecutionProvider"])
    given = session.run(["logits"], batch)[0]
    assert np.allclose(given, wanted, atol=1e-4 * np.abs(wanted).max())
    one = {name: value[:1, : int(batch["attention_mask"][0].sum())] for name, value in batch.items()}
    assert np.allclose(session.run(["logits"], one)[0], wanted[:1], atol=1e-4 * np.abs(wanted).max())
    quantize_dynamic_int8(tmp_path / "onnx", tmp_path / "int8", reduce_range=False)
    session = onnxruntime.InferenceSession(tmp_path / "int8" / "model.onnx", providers=["CPUExecutionProvider"])
    given = session.run(["logits"], batch)[0]
    assert np.corrcoef(given.ravel(), wanted.ravel())[0, 1] > 0.95


def test_a_student_of_its_layers_is_taught_by_answers_and_states(family, made):
    from compactor.distillation.losses import parse_losses
    from compactor.distillation.objective import Objective, TeacherSignal
    from compactor.models.feeding import feed
    from compactor.models.transformer_student import copy_layers

    student, batch = copy_layers(made, (1,)), tiny.batches(1, pad=0)[0]
    batch["token_type_ids"] = np.zeros_like(batch["input_ids"])
    signal = TeacherSignal(answers(made), copy.deepcopy(made))
    losses = [{"hinton": {}}, {"hidden_states": {"layers": "last"}}]
    labels, rows = torch.zeros(8, dtype=torch.int64), np.arange(8)
    total, _ = Objective(parse_losses(losses), signal, student)(student, feed(student, batch), labels, rows, 0.0)
    total.backward()
    assert torch.isfinite(total)
    assert total.item() > 0
    assert all(torch.isfinite(value.grad).all() for value in student.parameters() if value.grad is not None)
    relations = parse_losses([{"minilm_relations": {"heads": 4}}])
    if family in tiny.DECODERS:
        with pytest.raises(StageError, match="L240"):
            Objective(relations, signal, student)
    else:
        assert Objective(relations, signal, student)(student, feed(student, batch), labels, rows, 0.0)[0] > 0


def test_zeros_go_into_all_its_layers(made):
    from compactor.pruning.pattern import Sparsity
    from compactor.pruning.sparsify import sparsify

    model = copy.deepcopy(made)
    facts = sparsify(model, tiny.batches(2, pad=0), Sparsity(0.5, 4), "sparsegpt", block=16, damping=0.01)
    assert {fact["zeros"] for fact in facts} == {0.5}
    assert len(facts) == 2 * (7 if describe(made).causal else 6)


@pytest.mark.slow
@pytest.mark.parametrize("family", tiny.DECODERS)
def test_dynamo_writes_decoders_too(family, tokenizer, tmp_path):
    import onnxruntime

    from compactor.exporting import export_onnx

    model = narrowed(tiny.model(family, layers=2), UNEVEN)
    source = written(model, tokenizer, tmp_path / "torch")
    export_onnx(source, tmp_path / "onnx", task=TASK, pair=False, opset=18, backend="dynamo")
    session = onnxruntime.InferenceSession(tmp_path / "onnx" / "model.onnx", providers=["CPUExecutionProvider"])
    for batch in tiny.batches(2, pad=0):
        wanted = tiny.logits(model, [batch])
        assert np.allclose(session.run(["logits"], batch)[0], wanted, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("family", tiny.DECODERS)
@pytest.mark.parametrize("hidden", [8, 16, 24])
def test_a_narrower_decoder_with_random_weights_answers_and_comes_back(
    family: str, hidden: int, tokenizer: Path, tmp_path: Path
) -> None:
    from compactor.models.students import TransformerStudent, build_student

    teacher, rows = tiny.model(family, layers=3), tiny.batches(2, pad=0)
    student, facts = build_student(teacher, TransformerStudent(layers=2, hidden=hidden, init="random"), task=TASK)
    assert (facts["hidden"], facts["heads"]) == (hidden, hidden // 8)
    answers = tiny.logits(student, rows)
    save(student, tokenizer, tmp_path, labels=LABELS)
    np.testing.assert_allclose(tiny.logits(load(tmp_path, TASK), rows), answers, atol=1e-6)
    kinds = getattr(student.config, "layer_types", None)
    assert kinds is None or len(kinds) == 2
