"""The teacher stage: taken as it is, fine-tuned, or made from nothing."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from compactor.base.errors import CompactorError, MissingError, StageError
from compactor.stages.teacher import Teacher
from compactor.tasks import TASKS
from tests.models.folders import write_model
from tests.stages.works import Listener, artifact, make_work, open_small

TINY = {"layers": 1, "hidden": 32, "heads": 2, "vocabulary": 200, "max_positions": 24}
TRAIN = {"epochs": 12, "batch_size": 16, "learning_rate": 5e-3}
ANYTHING: Any = SimpleNamespace()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return open_small(tmp_path_factory.mktemp("data"))


def problems(settings: dict[str, Any], task: str = "text-classification") -> list[str]:
    known = TASKS.load(task)()
    return [problem.code for _, problem in Teacher.model_validate(settings).problems(task=known, target=ANYTHING)]


def test_exactly_one_of_model_and_config() -> None:
    assert problems({}) == ["P150"]
    assert problems({"model": "m", "config": TINY, "train": TRAIN}) == ["P150"]
    assert problems({"model": "m"}) == []
    assert problems({"config": TINY, "train": TRAIN}) == []


def test_a_config_that_cannot_be_is_refused() -> None:
    assert problems({"config": {**TINY, "heads": 3}}) == ["P151", "P152"]
    assert problems({"model": "m", "linear_teacher": {}}) == ["P153"]
    assert problems({"model": "m", "label_smoothing": 0.1}) == ["P153"]


def test_texts_longer_than_the_table_of_a_new_model_are_refused() -> None:
    made = {"config": TINY, "train": TRAIN}
    assert problems({**made, "max_length": 25}) == ["P157"]
    assert problems({**made, "max_length": 24}) == problems(made) == []
    assert problems({"model": "m", "max_length": 4000}) == []


def test_several_trainings_need_a_training_and_one_meaning() -> None:
    assert problems({"model": "m", "soup": 3}) == problems({"model": "m", "ensemble": 3}) == ["P155"]
    assert problems({"model": "m", "train": TRAIN, "soup": 3, "ensemble": 3}) == ["P156"]
    assert problems({"model": "m", "train": TRAIN, "soup": 3}) == []


@pytest.mark.parametrize("task", ["multi-label-classification", "text-regression", "token-classification"])
def test_what_needs_one_class_a_text_is_refused_for_other_labels(task: str) -> None:
    assert problems({"model": "m", "train": TRAIN}, task) == []
    assert problems({"model": "m", "train": TRAIN, "linear_teacher": {}}, task) == ["P154"]
    smoothed = {"model": "m", "train": TRAIN, "label_smoothing": 0.1}
    assert problems(smoothed, task) == ([] if task == "token-classification" else ["P154"])


def test_a_checkpoint_counts_by_its_content_and_not_by_its_path(tmp_path: Path) -> None:
    for name, content in (("one", "a"), ("two", "a"), ("other", "b")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_text(content)
        (tmp_path / name / "README.md").write_text(name)
    keys = [
        (stage.key(), stage.fingerprint((tmp_path,))) for stage in (Teacher(model=name) for name in ("one", "two", "other"))
    ]
    assert keys[0] == keys[1] != keys[2]
    assert Teacher(model="org/name").fingerprint((tmp_path,)) == {"hub": "org/name"}


@pytest.mark.model
def test_a_model_made_from_nothing_learns_and_reloads(data: Any, tmp_path: Path) -> None:
    import torch

    from compactor import models
    from compactor.models.tokenizer import max_length
    from compactor.stages._fitting import validation_value

    listener = Listener()
    work = make_work(tmp_path, "teacher", data, reporter=listener)
    Teacher.model_validate({"config": TINY, "train": TRAIN, "max_length": 20}).run(None, work)
    assert work.facts["validation"]["value"] > 0.9
    assert work.facts["parameters"]["total"] == sum(
        work.facts["parameters"][part] for part in ("embeddings", "encoder", "head")
    )
    assert [entry["epoch"] for entry in work.facts["training"]["validation"]] == list(range(1, 13))
    assert {event["kind"] for event in listener.events} >= {"train", "validation"}
    json.dumps(work.facts)
    assert max_length(work.folder) == 20
    again = models.load(work.folder, work.task, labels=data.labels)
    assert validation_value(again, work, work.folder)["value"] == work.facts["validation"]["value"]
    same = make_work(tmp_path, "again", data)
    Teacher.model_validate({"config": TINY, "train": TRAIN, "max_length": 20}).run(None, same)
    assert (same.folder / "model.safetensors").read_bytes() == (work.folder / "model.safetensors").read_bytes()
    assert (same.folder / "tokenizer.json").read_bytes() == (work.folder / "tokenizer.json").read_bytes()
    del torch


@pytest.mark.model
def test_pieces_from_cooccurrence_a_linear_second_teacher_and_hidden_pieces(data: Any, tmp_path: Path) -> None:
    work = make_work(tmp_path, "teacher", data)
    train = {**TRAIN, "epochs": 8, "piece_dropout": 0.1}
    settings = {
        "config": {**TINY, "init": "cooccurrence"},
        "train": train,
        "linear_teacher": {"weight": 0.5},
        "label_smoothing": 0.1,
    }
    Teacher.model_validate(settings).run(None, work)
    assert work.facts["training"]["curve"][-1]["parts"].keys() == {"cross_entropy", "hinton"}
    assert work.facts["validation"]["value"] > 0.9


@pytest.mark.model
def test_a_family_that_is_not_known_is_refused_before_it_is_trained(
    data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.models.folders import write_vocabulary
    from tests.pruning import tiny

    model = tiny.model("roformer", layers=1)
    model.config.id2label = dict(enumerate(data.labels))
    model.config.label2id = {label: number for number, label in model.config.id2label.items()}
    model.save_pretrained(tmp_path / "roformer")
    write_vocabulary(tmp_path / "roformer")
    monkeypatch.setattr(Teacher, "_train", lambda *given: pytest.fail("it was trained"))
    for train in ({}, {"train": TRAIN}):
        work = make_work(tmp_path, f"teacher-{len(train)}", data)
        with pytest.raises(StageError, match="model family roformer") as raised:
            Teacher.model_validate({"model": str(tmp_path / "roformer"), **train}).run(None, work)
        assert raised.value.problem.code == "L120"


@pytest.mark.model
def test_a_base_model_is_fine_tuned(data: Any, tmp_path: Path) -> None:
    from compactor.models import load_checkpoint
    from compactor.models.tokenizer import copy_tokenizer

    made = make_work(tmp_path, "made", data)
    Teacher.model_validate({"config": TINY, "train": {**TRAIN, "epochs": 0.1}}).run(None, made)
    base = tmp_path / "base"
    load_checkpoint(made.folder, made.task).model.bert.save_pretrained(base)
    copy_tokenizer(made.folder, base)
    with pytest.raises(StageError, match="has no classification head"):
        Teacher(model=str(base)).run(None, make_work(tmp_path, "refused", data))
    work = make_work(tmp_path, "tuned", data)
    Teacher.model_validate({"model": str(base), "train": TRAIN, "max_length": 500}).run(None, work)
    assert work.facts["validation"]["value"] > 0.9
    assert json.loads((work.folder / "tokenizer_config.json").read_text())["model_max_length"] == 24


@pytest.mark.model
def test_a_fine_tuned_model_is_taken_as_it_is_with_its_labels_in_the_datas_order(data: Any, tmp_path: Path) -> None:
    write_model(tmp_path / "given", labels=tuple(reversed(data.labels)))
    work = make_work(tmp_path, "teacher", data)
    Teacher(model="given").run(None, _near(work, tmp_path))
    config = json.loads((work.folder / "config.json").read_text())
    assert list(config["id2label"].values()) == list(data.labels)
    assert "training" not in work.facts
    assert set(work.facts["validation"]) == {"metric", "value", "rows"}


def _near(work: Any, folder: Path) -> Any:
    work.near = (folder,)
    return work


@pytest.mark.model
def test_what_cannot_be_a_teacher_is_told(data: Any, tmp_path: Path) -> None:
    write_model(tmp_path / "other", labels=("x", "y", "z"))
    cases = {"other": "L106", "org/absent": "L130"}
    for name, code in cases.items():
        with pytest.raises(CompactorError) as raised:
            Teacher(model=name).run(None, _near(make_work(tmp_path, f"work-{code}", data), tmp_path))
        assert raised.value.problem.code == code
    assert isinstance(raised.value, MissingError)


@pytest.mark.model
def test_a_tokenizer_that_names_no_padding_piece_is_used_and_told(data: Any, tmp_path: Path) -> None:
    write_model(tmp_path / "given", labels=data.labels)
    for name, field in (("tokenizer_config.json", "pad_token"), ("config.json", "pad_token_id")):
        path = tmp_path / "given" / name
        path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != field}))
    listener = Listener()
    work = _near(make_work(tmp_path, "teacher", data, reporter=listener), tmp_path)
    Teacher(model="given").run(None, work)
    assert [finding.code for finding in listener.findings] == ["L113"]
    assert json.loads((work.folder / "config.json").read_text())["pad_token_id"] == 0


@pytest.mark.model
def test_a_disk_that_fills_up_while_saving_is_told(data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers

    write_model(tmp_path / "given", labels=data.labels)

    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(transformers.PreTrainedModel, "save_pretrained", full)
    with pytest.raises(StageError) as raised:
        Teacher(model="given").run(None, _near(make_work(tmp_path, "teacher", data), tmp_path))
    assert raised.value.problem.code == "R101"


@pytest.mark.slow
def test_a_sentence_encoder_learns_banking77(data_root: Path, tmp_path: Path) -> None:
    """A taste of the real thing: 1,500 rows, two epochs; the full run reaches 92 to 93 %."""
    from compactor.base.reporter import Reporter
    from compactor.data import DataSettings, open_data

    settings = DataSettings(train="data/banking77/train.csv", label="category", limit=1500)
    data = open_data(settings, near=(data_root,), seed=0, cache=tmp_path / "cache", online=False, reporter=Reporter())
    work = _near(make_work(tmp_path, "teacher", data), data_root)
    train = {"epochs": 4, "batch_size": 16, "learning_rate": 1.5e-4}
    Teacher.model_validate({"model": "models/all-MiniLM-L6-v2", "train": train}).run(None, work)
    assert work.facts["validation"]["value"] > 0.6
    assert artifact(work.folder).folder == work.folder
    assert TASKS.names()
