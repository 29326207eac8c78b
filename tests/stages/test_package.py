"""The package stage: builds from what export made, and fails when the copy elsewhere does not answer the same."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from compactor.base.artifact import Artifact
from compactor.base.errors import StageError
from compactor.base.reporter import Reporter
from compactor.stages import STAGES, Work
from compactor.targets import load_target
from compactor.tasks import TASKS
from tests.bundle.tiny import write_onnx_folder

PROFILE = "name: my-model\nstages:\n  - teacher: {model: encoder}\n  - export: {}\n  - package: {}\n"


class Texts:
    """Stands for the validation split."""

    images = False

    def __init__(self, texts: list[str]) -> None:
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts)

    def select(self, indices: np.ndarray) -> Texts:
        return Texts([self._texts[index] for index in indices])

    def texts(self) -> list[str]:
        return self._texts

    def pairs(self) -> None:
        return None


class Findings(Reporter):
    def __init__(self) -> None:
        self.codes: list[str] = []

    def finding(self, finding) -> None:
        self.codes.append(finding.code)


@pytest.fixture
def source(tmp_path) -> Artifact:
    folder = write_onnx_folder(tmp_path / "export")
    return Artifact(
        folder, "ab" * 32, "onnx", "export", {"sources": {"source": "cd" * 32}, "versions": {"torch": "2"}, "facts": {}}
    )


@pytest.fixture
def work(tmp_path) -> Work:
    for name in ("folder", "checkpoints"):
        (tmp_path / name).mkdir()
    data = SimpleNamespace(validation=Texts([f"parcel {number}" for number in range(100)]))
    return Work(
        folder=tmp_path / "folder",
        checkpoints=tmp_path / "checkpoints",
        seed=0,
        task=TASKS.load("text-classification")(),
        target=load_target("host"),
        open_data=lambda: data,
        reporter=Findings(),
        derive=lambda name, parts, build: tmp_path,
        near=(tmp_path,),
        profile_text=PROFILE,
    )


def package(**settings):
    return STAGES.load("package")(**settings)


def read(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_it_builds_and_proves_the_bundle(source, work):
    package().run(source, work)
    manifest = read(work.folder / "manifest.json")
    assert manifest["name"] == "my-model"
    assert manifest["made"]["key"] == source.key
    assert manifest["made"]["sources"] == {"source": "cd" * 32}
    assert "outputs" in work.facts["verified"]
    texts = [case["text"] for case in read(work.folder / "golden.json")["cases"]]
    assert {"parcel 0", "parcel 99"} <= set(texts), "from all over the split"
    assert sum(text.startswith("parcel ") for text in texts) == 16
    assert not list(work.checkpoints.iterdir()), "the copy is gone"


def test_private_data_stays_out_when_asked(source, work):
    package(golden=0, name="other").run(source, work)
    assert not any(case["text"].startswith("parcel ") for case in read(work.folder / "golden.json")["cases"])
    assert read(work.folder / "manifest.json")["name"] == "other"


def test_the_licence_is_the_user_s_or_the_teacher_s(source, work, tmp_path):
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder/README.md").write_text("---\nlicense: mit\n---\n", encoding="utf-8")
    package().run(source, work)
    assert read(work.folder / "manifest.json")["licenses"] == {"model": "mit", "data": None}
    package(license="CC-BY-4.0").run(source, work)
    assert "Licence of the model: CC-BY-4.0" in (work.folder / "LICENSES/NOTICE.txt").read_text(encoding="utf-8")


def test_a_bundle_that_does_not_answer_as_built_fails_the_stage(source, work, monkeypatch):
    from compactor.bundle import building

    def spoiled(*given):
        golden = original(*given)
        golden["cases"][3]["logits"][0] += 0.5
        return golden

    original = building._golden
    monkeypatch.setattr(building, "_golden", spoiled)
    with pytest.raises(StageError, match=r"B104.*outputs.*off by 0\.5"):
        package().run(source, work)


def test_a_target_with_another_provider_is_verified_on_the_cpu_with_a_warning(source, work):
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has the provider")
    work.target = load_target("server-gpu")
    package().run(source, work)
    assert work.reporter.codes == ["B105"]
    assert read(work.folder / "manifest.json")["providers"] == ["CUDAExecutionProvider"]


def test_it_works_when_the_command_is_run_from_another_folder(source, work, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "PYTHONPATH", "")
    package().run(source, work)
    assert work.facts["verified"]


def test_a_full_disk_is_told_and_leaves_no_copy(source, work, monkeypatch):
    import errno
    import shutil

    def full(origin, place):
        if "elsewhere" in str(place):
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(origin, place)

    original = shutil.copyfile
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(StageError, match="R101: the disk is full"):
        package().run(source, work)
    assert not list(work.checkpoints.iterdir())


def test_swept_session_options_are_recommended_with_what_they_were_measured_on(source, work, monkeypatch):
    from compactor.measuring import sweep

    monkeypatch.setattr(sweep, "SECONDS", 0.5)
    monkeypatch.setattr(sweep, "_options", lambda runner, target: {"graph_level": ["all", "basic"]})
    package(sweep=True).run(source, work)
    session = read(work.folder / "manifest.json")["session"]
    assert session["graph_optimization_level"] == work.facts["session_sweep"]["best"]["graph_level"]
    assert session["measured_on"]["target"] == "host"
    assert [step["value"] for step in work.facts["session_sweep"]["steps"]] == ["all", "basic"]
    assert work.facts["session_sweep"]["measured_on"]["length"] == "data", "real texts were timed"


def test_a_sweep_on_the_wrong_machine_is_not_done_and_told(source, work):
    from dataclasses import replace

    elsewhere = load_target("host").model_copy(update={"name": "away", "instructions": ("no-such-set",)})
    work = replace(work, target=elsewhere)
    package(sweep=True).run(source, work)
    assert "measured_on" not in read(work.folder / "manifest.json")["session"]
    assert "B106" in work.reporter.codes
