"""Early exits and pairs of models through export, int8 and the cascade stage: they answer by the rule, as well as is promised."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from compactor.base.atomic import read_json
from compactor.base.errors import StageError
from compactor.cascading.temperature import confidence, fit_temperature
from compactor.cascading.threshold import levels
from compactor.stages.cascade import Cascade
from compactor.tasks import TASKS
from tests.stages import works

TASK = TASKS.load("text-classification")()
HOST: Any = SimpleNamespace(io_binding=False, cuda_graphs=False, name="host")


def problems(task: Any = TASK, target: Any = HOST, **settings: Any) -> list[tuple[str, str]]:
    """Return (path, code) of what validation says."""
    found = Cascade.model_validate(settings).problems(task=task, target=target)
    return [(".".join(map(str, path)), problem.code) for path, problem in found]


def test_what_has_no_likeliest_class_and_what_contradicts_itself_is_refused() -> None:
    assert problems() == problems(larger="teacher", max_drop=0.01) == []
    for name in ("text_regression", "multi_label_classification", "token_classification", "sentence_similarity"):
        assert problems(TASKS.load(name)()) == [("", "P285")]
    assert problems(confidence=0.9, max_drop=0.01) == [("max_drop", "P285")]
    bound = SimpleNamespace(io_binding=True, cuda_graphs=False, name="server-gpu")
    assert problems(target=bound, larger="teacher") == [("larger", "P285")]
    assert problems(target=bound) == []


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Make a teacher of three layers and a student of it with exits, both unsure enough to tell something; return (root, data, both)."""
    from compactor.stages.distill import Distill
    from compactor.stages.teacher import Teacher

    root = tmp_path_factory.mktemp("cascade")
    data = works.open_small(root)
    work = works.make_work(root, "teacher", data)
    config = {"layers": 3, "hidden": 16, "heads": 2, "vocabulary": 200, "max_positions": 24}
    Teacher.model_validate({"config": config, "train": {"epochs": 7, "batch_size": 16, "learning_rate": 5e-3}}).run(None, work)
    teacher = works.artifact(work.folder)
    learned = works.make_work(root, "student", data, teacher=teacher)
    train = {"epochs": 2, "batch_size": 16, "learning_rate": 3e-3}
    Distill.model_validate({"exits": {"layers": "all"}, "train": train}).run(teacher, learned)
    return root, data, teacher, works.artifact(learned.folder, "distill")


def carried(place: Any, source: Any, name: str, *, exits: bool = False, int8: bool = False) -> Any:
    """Export a model, and quantize it; return the ONNX folder as an artifact."""
    from compactor.stages.export import Export
    from compactor.stages.quantize import Quantize
    from compactor.targets import load_target

    for stage, kind in [(Export(exits=exits), "onnx"), *([(Quantize(), "int8")] if int8 else [])]:
        work = works.make_work(place[0], f"{name}-{kind}", place[1])
        work.target = load_target("host")
        stage.run(source, work)
        source = works.artifact(work.folder, "export")
    return source


def answers(work: Any, folder: Any, output: str | None = None) -> np.ndarray:
    from compactor.base.reporter import Reporter
    from compactor.measuring.quality import predict
    from compactor.stages._inputs import encoded

    return predict(folder, encoded(work, folder, "validation"), threads=1, reporter=Reporter(), output=output)


@pytest.mark.model
def test_a_graph_with_exits_answers_as_torch_does_by_the_rule(place: Any) -> None:
    from compactor import models
    from compactor.checks.answers import answer_one_by_one, torch_answer
    from compactor.exporting.exits import read_exits, torch_exits
    from compactor.stages._inputs import encoded

    student = place[3]
    exported = carried(place, student, "float", exits=True)
    assert list(read_json(exported.folder / "interface.json")["outputs"]) == ["logits", "exit_1", "exit_2"]
    work = works.make_work(place[0], "stopping", place[1])
    early = answers(work, exported.folder, "exit_1")
    middle = np.median(confidence(early, fit_temperature(early, place[1].validation.labels)))
    Cascade(confidence=float(middle) + 1e-6).run(exported, work)
    facts = work.facts["cascade"]
    model, rows = models.load(student.folder, TASK), encoded(work, student.folder, "validation")
    asked = [*torch_exits(model, read_exits(student.folder)).values(), torch_answer(model)]
    every = [answer_one_by_one(answer, rows, np.arange(len(rows))) for answer in asked]
    sure = np.stack([confidence(each, of) for each, of in zip(every[:-1], facts["temperatures"], strict=False)])
    chosen = levels(sure, facts["confidence"])
    assert len(set(chosen)) > 1, "the rows must tell something"
    scaled = np.stack([each / of for each, of in zip(every, facts["temperatures"], strict=True)])
    expected = scaled[chosen, np.arange(len(rows))]
    assert answers(work, work.folder) == pytest.approx(expected, abs=1e-3)
    right = expected.argmax(axis=1) == place[1].validation.labels
    assert facts["validation"]["value"] == pytest.approx(right.mean())
    assert facts["validation"]["coverage"] == pytest.approx((chosen < 2).mean())


@pytest.mark.model
def test_exits_survive_int8_and_go_into_a_bundle_that_any_runtime_loads(place: Any) -> None:
    from compactor import runtime
    from compactor.bundle import build, verify
    from compactor.targets import load_target

    quantized = carried(place, place[3], "short", exits=True, int8=True)
    work = works.make_work(place[0], "short-stopping", place[1])
    Cascade(confidence=0.5).run(quantized, work)
    assert work.facts["cascade"]["parity"]["same_label"] == 1.0
    bundle = place[0] / "bundle"
    texts = place[1].validation.texts()
    build(work.folder, bundle, target=load_target("host"), name="early", texts=texts[:3])
    assert verify(bundle).passed
    manifest = read_json(bundle / "manifest.json")
    assert manifest["schema"] == 1, "the graph decides by itself: every reader can use it"
    assert list(manifest["outputs"]) == ["logits"]
    assert manifest["padding"]["answers_depend_on_padding"]
    told = [place[1].labels[number] for number in answers(work, work.folder).argmax(axis=1)]
    assert [answer["label"] for answer in runtime.load(bundle)(texts)] == told


@pytest.mark.model
def test_the_combination_of_two_is_as_good_as_its_parts_say(place: Any) -> None:
    smaller, larger = carried(place, place[3], "small"), carried(place, place[2], "large")
    work = works.make_work(place[0], "two", place[1])
    work.larger = larger
    Cascade(larger="teacher", max_drop=0.0).run(smaller, work)
    rule, facts = read_json(work.folder / "interface.json")["cascade"], work.facts["cascade"]
    first, second = answers(work, smaller.folder), answers(work, larger.folder)
    sure = confidence(first, rule["temperature"]) >= rule["confidence"]
    right = np.where(sure, first.argmax(axis=1), second.argmax(axis=1)) == place[1].validation.labels
    assert facts["validation"]["value"] == pytest.approx(right.mean())
    assert facts["validation"]["coverage"] == pytest.approx(sure.mean())
    assert right.mean() >= facts["validation"]["alone"][1]
    assert read_json(work.folder / "interface.json")["schema"] == 2
    assert (work.folder / "larger" / "tokenizer.json").is_file()


@pytest.mark.model
def test_a_model_without_exits_is_refused_by_name(place: Any) -> None:
    with pytest.raises(StageError) as raised:
        carried(place, place[2], "none", exits=True)
    assert raised.value.problem.code == "X280"
