"""What a quantization-aware training sees on validation rows is what the int8 graph, exported and quantized afterwards, answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compactor.checks.answers import answer_one_by_one, onnx_answer
from compactor.stages.distill import Distill
from compactor.stages.export import Export
from compactor.stages.quantize import Quantize
from compactor.stages.teacher import Teacher
from compactor.targets import Target
from tests.stages import works

pytestmark = pytest.mark.model
TARGET = Target(name="here", title="", machine="any")
ROUNDED = {"learning_rate": 3e-3, "quantization_aware": {"method": "dynamic-int8"}}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory) -> Any:
    """Train a tiny teacher, with rounding, from the first step on; return (root, data, artifact, facts)."""
    root = tmp_path_factory.mktemp("aware")
    data = works.open_small(root)
    work = works.make_work(root, "teacher", data)
    config = {"layers": 2, "hidden": 32, "heads": 4, "intermediate": 64, "vocabulary": 160}
    Teacher.model_validate({"config": config, "train": {"epochs": 6, **ROUNDED}, "max_length": 24}).run(None, work)
    return root, data, works.artifact(work.folder), work.facts


def int8_accuracy(root: Any, data: Any, model: Any, name: str) -> float:
    """Return the share of validation rows that the exported and quantized model answers rightly, each alone."""
    from compactor.stages._inputs import encoded

    source = model
    for stage, label in ((Export(), "onnx"), (Quantize(), "int8")):
        work = works.make_work(root, f"{name}-{label}", data)
        work.target = TARGET
        stage.run(source, work)
        source = works.artifact(work.folder, label)
    rows = encoded(work, source.folder, "validation")
    logits = answer_one_by_one(onnx_answer(source.folder / "model.onnx"), rows, np.arange(len(rows)))
    return float(np.mean(logits.argmax(axis=1) == rows.labels))


def test_a_model_learns_with_rounding_and_keeps_what_it_was_validated_at(teacher):
    root, data, model, facts = teacher
    training = facts["training"]
    assert training["validation"][-1]["value"] > 0.5  # of three classes, after a few epochs
    assert int8_accuracy(root, data, model, "teacher") == training["validation"][-1]["value"]
    told = training["quantization_aware"]
    assert told["method"] == "dynamic-int8"
    assert (told["products"], told["tables"], told["kept"]) == (14, 3, [])


def test_a_static_student_is_rounded_with_its_piece_weights_in_the_table(teacher):
    root, data, model, _ = teacher
    work = works.make_work(root, "student", data, teacher=model)
    phases = [{"train": {"epochs": 4, "learning_rate": 1e-2}}, {"train": {"epochs": 1, **ROUNDED}}]
    stage = Distill.model_validate({"student": {"family": "static", "hidden": 16, "head": 16}, "phases": phases})
    stage.run(model, work)
    seen = work.facts["phases"][1]["validation"][-1]["value"]
    assert int8_accuracy(root, data, works.artifact(work.folder), "student") == seen


def test_students_that_learn_together_are_not_rounded():
    from compactor.tasks import TASKS

    stage = Distill.model_validate({"train": ROUNDED, "mutual": {"students": 2}})
    found = {path: problem.code for path, problem in stage.problems(task=TASKS.load("text-classification")(), target=TARGET)}
    assert found == {("train", "quantization_aware"): "L165"}


def test_bf16_and_rounding_exclude_each_other():
    with pytest.raises(ValueError, match="starts from fp32"):
        Distill.model_validate({"train": {"precision": "bf16", **ROUNDED}})
