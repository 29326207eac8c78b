"""A folder of images from teacher to bundle: each stage in turn, on a set that a tiny model learns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.images import write_folder

pytestmark = pytest.mark.model

PROFILE = """\
task: image-classification
target: host
budget: {accuracy_drop: 0.5}
data: {train: train, test: test, validation: 0.25}
controls: {labels_only: false, teacher_int8: false, linear: true}
stages:
  - teacher:
      config: {family: vit, image_size: 12, patch: 6, layers: 2, hidden: 16, heads: 2, intermediate: 32, dropout: 0}
      train: {epochs: 6, batch_size: 8, learning_rate: 5.0e-3}
  - distill:
      student: {layers: 1}
      losses:
        - hinton: {temperature: 2, weight: 0.9}
        - hidden_states: {weight: 0.5}
        - minilm_relations: {heads: 2, weight: 0.5}
      train: {epochs: 4, batch_size: 8, accumulate: 2, learning_rate: 3.0e-3}
  - prune:
      intermediate: 0.5
      heads: 1
      recover: {epochs: 2, batch_size: 8, learning_rate: 1.0e-3}
  - export: {}
  - quantize: {method: METHOD}
  - package: {golden: 3}
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    write_folder(root / "train", 24, seed=1)
    write_folder(root / "test", 12, seed=2)
    return root


@pytest.fixture(scope="module")
def run(desk: Path) -> Any:
    """Run a profile as the command line does; give report and folder."""
    from compactor.cli.main import main

    def run(name: str, text: str) -> tuple[dict[str, Any], Path]:
        (desk / f"{name}.yaml").write_text(f"name: {name}\n{text}", encoding="utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(desk)
            assert main(["run", f"{name}.yaml", "--quick", "--threads", "1"]) == 0
        folder = desk / "runs" / name
        return json.loads((folder / "report.json").read_text(encoding="utf-8")), folder

    return run


@pytest.fixture(scope="module")
def done(run: Any) -> tuple[dict[str, Any], Path]:
    return run("dynamic", PROFILE.replace("METHOD", "dynamic-int8"))


def row(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in report["rows"] if row["stage"] == name)


def test_every_stage_answers(done):
    report, _ = done
    assert [row["quality"]["n"] for row in report["rows"]] == [24] * 6
    assert row(report, "teacher")["quality"]["value"] > 0.9
    assert row(report, "package")["quality"]["value"] > 0.8
    assert row(report, "package")["quality"]["agreement_with_teacher"] > 0.8
    assert row(report, "prune")["parameters"] < row(report, "distill")["parameters"] < row(report, "teacher")["parameters"]
    (control,) = [control for control in report["controls"] if control["control"] == "pixels"]
    assert control["quality"]["value"] > 0.9


def test_the_time_is_that_of_real_images(done):
    report, _ = done
    cells = row(report, "package")["latency_ms"]
    assert {(cell["batch"], cell["length"]) for cell in cells} == {(1, "data"), (1, None)}
    parts = row(report, "teacher")["size_by_part"]
    assert parts["tokenizer"] == 0
    assert parts["head"] > 0


def test_what_stays_in_floats_is_told(done):
    report, _ = done
    told = {finding["code"]: finding["sentence"] for finding in row(report, "quantize")["findings"]}
    assert "1 convolution with 1,728 weights stays in fp32" in told["Q180"]


def test_the_bundle_answers_as_the_report_says(done, desk):
    import compactor

    report, folder = done
    model = compactor.load(folder / "bundle")
    paths = sorted((desk / "test").rglob("*.png"))
    answers = [answer["label"] for answer in model(paths)]
    right = np.mean([answer == path.parent.name for answer, path in zip(answers, paths, strict=True)])
    assert right == pytest.approx(row(report, "package")["quality"]["value"])
    golden = json.loads((folder / "bundle" / "golden.json").read_text())
    assert sum("own-" in case["image"] for case in golden["cases"]) == 3


def test_the_pages_speak_of_images(done):
    _, folder = done
    page = (folder / "report.md").read_text(encoding="utf-8")
    assert "linear model on pixels" in page
    assert "n-gram" not in page


def test_nothing_is_made_twice_and_ranges_may_be_static(run, done):
    report, folder = run("static", PROFILE.replace("METHOD", "static-int8"))
    made = {row["stage"]: row["from_store"] for row in report["rows"]}
    assert made == {"teacher": True, "distill": True, "prune": True, "export": True, "quantize": False, "package": False}
    assert row(report, "quantize")["quality"]["value"] > 0.8
    manifest = json.loads((folder / "bundle" / "manifest.json").read_text())
    assert manifest["padding"]["answers_depend_on_padding"] is False


def test_a_checkpoint_is_fine_tuned_with_its_own_processor(run, done):
    _, folder = done
    teacher = next((folder / "stages").glob("teacher*")).resolve()
    report, taken = run(
        "taken",
        "task: image-classification\ntarget: host\ndata: {train: train, test: test}\n"
        "controls: {labels_only: false, teacher_int8: false, linear: false}\n"
        f"stages:\n  - teacher: {{model: {teacher}, train: {{epochs: 1, batch_size: 8}}}}\n",
    )
    assert report["rows"][0]["quality"]["value"] > 0.75
    ours = next((taken / "stages").glob("teacher*")).resolve()
    read = [json.loads((place / "preprocessor_config.json").read_text()) for place in (ours, teacher)]
    assert read[0] == read[1]
