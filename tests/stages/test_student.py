"""Students of every family through the distill stage: pieces of their own, losses that apply, and the way on to a bundle."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from compactor.base.artifact import Artifact
from compactor.base.errors import StageError
from compactor.stages.distill import Distill
from compactor.stages.prune import Prune
from compactor.tasks import TASKS
from tests.stages import works

TASK = TASKS.load("text-classification")()
ANYTHING: Any = SimpleNamespace()
WITHOUT_TORCH = """
import json, sys
import compactor
answers = compactor.load(sys.argv[1])(json.load(sys.stdin))
assert not {"torch", "transformers", "onnx"} & set(sys.modules)
print(json.dumps([answer["label"] for answer in answers]))
"""
USED = {"keep": 120, "characters": "used"}


def problems(**settings: Any) -> list[tuple[str, str]]:
    """Return (path, code) of what validation says."""
    found = Distill.model_validate(settings).problems(task=TASK, target=ANYTHING)
    return [(".".join(map(str, path)), problem.code) for path, problem in found]


@pytest.mark.parametrize("family", ["static", "conv"])
@pytest.mark.parametrize("loss", ["hidden_states", "minilm_relations", "attention_transfer", "tinybert"])
def test_a_loss_that_looks_for_layers_is_refused_where_there_are_none(family: str, loss: str) -> None:
    assert problems(student={"family": family}, losses=["hinton", loss]) == [("losses.1", "P265")]


@pytest.mark.parametrize("student", [{"family": "static"}, {"family": "conv"}, {"layers": 2, "vocabulary": 500}, {}])
def test_losses_of_answers_are_for_all(student: dict[str, Any]) -> None:
    assert problems(student=student, losses=["hinton", "cross_entropy", "logit_mse"]) == []


@pytest.mark.parametrize(
    ("student", "path"),
    [
        ({"family": "static", "init": "random", "encoder": "models/x"}, "student.encoder"),
        ({"family": "conv", "widths": [3, 3]}, "student.widths"),
        ({"family": "static", "vocabulary": 0}, "student.vocabulary"),
        ({"layers": 2, "choose": "best", "init": "random"}, "student.choose"),
        ({"choose": "best"}, "student.choose"),
        ({"hidden": 64, "init": "pca", "embedding": 64}, "student.embedding"),
        ({"config": {"dim": 8}}, "student.config"),
        ({"config": {"model_type": "distilbert"}, "layers": 2}, "student.layers"),
        ({"config": {"model_type": "distilbert"}, "positions": 64}, "student.positions"),
        ({"config": {"model_type": "distilbert"}, "init": "pca"}, "student.init"),
        ({"config": {"model_type": "distilbert"}, "init": "teacher-layers"}, "student.init"),
        ({"config": {"model_type": "distilbert"}, "choose": "best"}, "student.choose"),
    ],
)
def test_settings_that_make_no_sense_are_refused_before_anything_runs(student: dict[str, Any], path: str) -> None:
    assert [found[0] for found in problems(student=student)] == [path]


def test_families_have_keys_of_their_own_and_the_first_one_keeps_its_key() -> None:
    keys = [Distill.model_validate({"student": student}).key() for student in ({"family": "static"}, {"family": "conv"}, {})]
    assert len({json.dumps(key, sort_keys=True) for key in keys}) == 3
    assert keys[2] == {} == Distill().key()
    assert Distill.model_validate({"student": {"layers": 3}}).key() == {"student": {"layers": 3}}


def test_an_unknown_family_is_told_with_the_known_ones() -> None:
    from pydantic import ValidationError

    with pytest.raises(ValidationError, match="one of transformer, static, conv"):
        Distill.model_validate({"student": {"family": "lstm"}})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Make a tiny teacher; return (root, data, its artifact)."""
    from compactor.stages.teacher import Teacher

    root = tmp_path_factory.mktemp("students")
    data = works.open_small(root)
    work = works.make_work(root, "teacher", data)
    config = {"layers": 2, "hidden": 32, "heads": 2, "vocabulary": 200, "max_positions": 24}
    train = {"epochs": 8, "batch_size": 16, "learning_rate": 5e-3}
    Teacher.model_validate({"config": config, "train": train}).run(None, work)
    return root, data, works.artifact(work.folder)


def distilled(place: Any, name: str, **settings: Any) -> Any:
    """Run the stage in a folder of this name; return its work."""
    root, data, teacher = place
    work = works.make_work(root, name, data, teacher=teacher)
    Distill.model_validate({"train": {"epochs": 6, "batch_size": 16, "learning_rate": 1e-2}, **settings}).run(teacher, work)
    return work


@pytest.mark.model
@pytest.mark.parametrize("family", ["static", "conv"])
def test_a_student_without_layers_learns_and_goes_all_the_way_to_a_bundle(place: Any, family: str) -> None:
    from compactor.bundle.building import build
    from compactor.checks.agreement import agreement
    from compactor.checks.answers import onnx_answer, torch_answer
    from compactor.exporting import export_onnx
    from compactor.measuring.size import size_by_part
    from compactor.models import load
    from compactor.quantization import quantize_dynamic_int8
    from compactor.stages._inputs import encoded
    from compactor.targets import load_target

    root, data, _ = place
    work = distilled(place, family, student={"family": family, "hidden": 16, "vocabulary": USED})
    assert work.facts["validation"]["value"] > 0.9
    onnx, int8, bundle = (root / f"{family}-{name}" for name in ("onnx", "int8", "bundle"))
    facts = export_onnx(work.folder, onnx, task=TASK, pair=False, opset=17)
    assert facts["nodes"] <= 16
    assert list(json.loads((onnx / "interface.json").read_text())["inputs"]) == ["input_ids"]
    quantized = quantize_dynamic_int8(onnx, int8, reduce_range=False)
    parts = size_by_part(int8)
    assert 120 * 16 <= parts["embeddings"] < 120 * 16 + 50  # a byte each, and the scale
    assert parts["head"] > 0
    assert (parts["encoder"] > 100) == (family == "conv")
    assert quantized["quantized_nodes"] == {"static": 3, "conv": 3}[family]
    rows = encoded(work, work.folder, "validation")
    alone = [rows.batch(np.array([row])) for row in range(len(rows))]
    asked = (torch_answer(load(work.folder, TASK)), *(onnx_answer(folder / "model.onnx") for folder in (onnx, int8)))
    torch, fp32, short = (np.concatenate([answer(batch) for batch in alone]) for answer in asked)
    assert agreement(torch, fp32).scaled_difference < 1e-5
    assert agreement(torch, short).top1 > 0.95
    build(int8, bundle, target=load_target("host"), name=family, texts=data.validation.texts(0, 5))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(bundle)],
        input=json.dumps(data.validation.texts()),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [data.labels[number] for number in short.argmax(axis=1)]


@pytest.mark.model
def test_a_narrow_student_with_fewer_pieces_learns_from_inside_a_teacher_that_reads_its_pieces(place: Any) -> None:
    from compactor.models import load
    from compactor.models.tokenizer import load_tokenizer

    student = {"layers": 1, "hidden": 16, "heads": 2, "init": "pca", "vocabulary": USED}
    work = distilled(place, "narrow", student=student, losses=["hinton", {"minilm_relations": {"heads": 4}}, "hidden_states"])
    assert work.facts["validation"]["value"] > 0.9
    assert work.facts["student"]["vocabulary"]["after"] == 120
    model = load(work.folder, TASK)
    assert model.config.vocab_size == load_tokenizer(work.folder).get_vocab_size() == 120


@pytest.mark.model
@pytest.mark.parametrize("shape", [{"layers": 1}, {"layers": 1, "hidden": 16, "heads": 2, "init": "pca", "vocabulary": USED}])
def test_a_student_with_fewer_positions_learns_from_inside_and_reads_no_longer_texts(place: Any, shape: dict[str, Any]) -> None:
    from compactor.models import load
    from compactor.models.tokenizer import max_length

    losses: list[Any] = ["hinton", {"hidden_states": {"weight": 0.1}}]
    work = distilled(place, f"short{len(shape)}", student={**shape, "positions": 8}, losses=losses)
    assert load(work.folder, TASK).config.max_position_embeddings == max_length(work.folder) == 8
    assert work.facts["student"]["positions"]["before"] == 24
    assert work.facts["student"]["positions"]["texts_cut"] > 0


@pytest.mark.model
def test_a_table_that_is_no_wider_stays_whole_and_it_is_told(place: Any) -> None:
    work = distilled(place, "whole-table", student={"layers": 1, "embedding": 64})
    assert work.facts["student"]["embedding"] == {"width": 32, "energy_kept": 1.0}
    assert [finding.severity for finding in work.reporter.findings if finding.code == "K911"] == ["note"]


@pytest.mark.model
def test_a_factorized_student_of_the_best_layers_is_read_back(place: Any) -> None:
    from compactor.models import load
    from compactor.models.families import piece_table

    work = distilled(place, "factorized", student={"layers": 1, "choose": "best", "embedding": 8})
    assert work.facts["student"]["search"]["tried"] == 2
    assert piece_table(load(work.folder, TASK)).weight.shape[1] == 8
    assert work.facts["validation"]["value"] > 0.9


@pytest.mark.model
def test_another_checkpoint_brings_its_own_tokenizer_and_learns_from_answers(place: Any) -> None:
    from compactor.models.tokenizer import load_tokenizer
    from tests.models import folders

    root, data, teacher = place
    folders.write_model(root / "other", labels=("x", "y"))
    stage = Distill.model_validate({"student": {"model": "other"}, "train": {"epochs": 1, "batch_size": 16}})
    assert stage.fingerprint((root,)) != Distill().fingerprint((root,))
    assert [code for _, code in problems(student={"model": "other"}, losses=["hinton", "hidden_states"])] == ["P265"]
    work = works.make_work(root, "from-other", data, teacher=teacher)
    work.near = (root,)
    stage.run(teacher, work)
    assert load_tokenizer(work.folder).get_vocab() == load_tokenizer(root / "other").get_vocab()
    assert json.loads((work.folder / "config.json").read_text())["id2label"] == {
        str(n): name for n, name in enumerate(data.labels)
    }


@pytest.mark.model
def test_another_architecture_reads_the_teachers_pieces(place: Any) -> None:
    config = {"model_type": "distilbert", "dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32}
    work = distilled(place, "architecture", student={"config": config})
    saved = json.loads((work.folder / "config.json").read_text())
    assert saved["model_type"] == "distilbert"
    assert saved["vocab_size"] == json.loads((place[2].folder / "config.json").read_text())["vocab_size"]
    with pytest.raises(StageError) as raised:
        distilled(place, "nothing", student={"config": {"model_type": "nonesuch"}})
    assert raised.value.problem.code == "L173"


@pytest.mark.model
def test_of_a_static_student_the_vocabulary_can_be_pruned_and_nothing_else(place: Any) -> None:
    root, data, teacher = place
    work = distilled(place, "to-prune", student={"family": "static", "hidden": 16, "head": 8})
    source = Artifact(work.folder, "static", "torch", "distill", {})
    pruned = works.make_work(root, "pruned", data, teacher=teacher)
    Prune.model_validate({"vocabulary": USED}).run(source, pruned)
    assert pruned.facts["parameters"]["embeddings"] == 120 * 16
    assert pruned.facts["validation"]["value"] == work.facts["validation"]["value"]
    for number, cut in enumerate(({"layers": 1}, {"intermediate": 0.5})):
        with pytest.raises(StageError) as raised:
            Prune.model_validate(cut).run(source, works.make_work(root, f"refused-{number}", data, teacher=teacher))
        assert raised.value.problem.code == "L120"
        assert "static student has no layers" in str(raised.value)


@pytest.mark.model
@pytest.mark.parametrize("vocabulary", [{}, {"vocabulary": USED}])
def test_a_configuration_with_few_positions_reads_texts_up_to_there(place: Any, vocabulary: dict[str, Any]) -> None:
    from compactor.models.tokenizer import max_length

    shape = {"model_type": "distilbert", "dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 8}
    train = {"epochs": 1, "batch_size": 16, "learning_rate": 1e-2}
    work = distilled(place, f"few-positions-{len(vocabulary)}", student={"config": shape, **vocabulary}, train=train)
    assert max_length(work.folder) == 8
    assert [finding.severity for finding in work.reporter.findings if finding.code == "K910"] == ["warning"]
