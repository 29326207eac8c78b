"""One profile from teacher to bundle, as a user runs it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.end_to_end.conftest import Desk, write_rows

pytestmark = pytest.mark.model


def report(desk: Desk) -> dict:
    return json.loads((desk.folder / "runs/tiny/report.json").read_text(encoding="utf-8"))


def test_every_stage_is_a_measured_row(finished):
    rows = {row["id"]: row for row in report(finished)["rows"]}
    assert list(rows) == ["teacher", "distill", "prune", "export", "quantize", "package"]
    for row in rows.values():
        assert row["quality"]["split"] == "test"
        assert row["quality"]["n"] == 120
        assert row["size_bytes"] == sum(row["size_by_part"].values())
        assert any(cell["length"] == "data" and cell["p50"] > 0 for cell in row["latency_ms"])
        assert row["evidence"] == "measured"
        assert row["end_to_end_ms"]["p50"] > 0, "tokenization is timed too"
        assert row["scenarios"]["offline"]["texts_per_s"] > 0
        assert row["conditions"]["nodes"].keys() == {"CPUExecutionProvider"}


def test_the_student_learned_and_is_smaller(finished):
    rows = {row["id"]: row for row in report(finished)["rows"]}
    assert rows["teacher"]["quality"]["value"] > 0.9
    assert rows["quantize"]["quality"]["value"] > 0.8
    assert rows["prune"]["parameters"] < rows["distill"]["parameters"] < rows["teacher"]["parameters"]
    assert rows["quantize"]["size_by_part"]["embeddings"] < rows["export"]["size_by_part"]["embeddings"] / 3


def test_controls_are_recorded(finished):
    controls = {row["control"]: row for row in report(finished)["controls"]}
    assert set(controls) == {"labels_only", "teacher_int8", "linear"}
    assert all(row["quality"]["n"] == 120 for row in controls.values())


def test_reports_and_bundle_are_there(finished):
    run = finished.folder / "runs/tiny"
    for name in ("report.html", "report.md", "report.csv", "environment.json", "plan.json", "profile.yaml", "events.jsonl"):
        assert (run / name).stat().st_size > 0, name
    for name in ("manifest.json", "golden.json", "measured.json", "README.md", "onnx/model_quantized.onnx", "tokenizer.json"):
        assert (run / "bundle" / name).is_file(), name
    assert (run / "stages/teacher/model.safetensors").is_file()


def test_nothing_was_written_at_home(finished):
    assert list((finished.folder / "home").rglob("*")) == []


def test_the_second_run_does_no_work_and_says_so(finished):
    before = report(finished)
    result = finished.compactor("run", "tiny.yaml", "--quick")
    assert result.returncode == 0, result.stderr
    assert "nothing to do" in result.stderr
    after = report(finished)
    assert [row["quality"] for row in after["rows"]] == [row["quality"] for row in before["rows"]]
    assert [row["latency_ms"] for row in after["rows"]] == [row["latency_ms"] for row in before["rows"]]
    assert all(row["from_store"] for row in after["rows"])


def test_changing_quantize_redoes_only_from_there(finished):
    result = finished.compactor("plan", "tiny.yaml", "--set", "quantize.embeddings=false", "--json")
    steps = {step["label"]: step for step in json.loads(result.stdout)["steps"]}
    assert [label for label, step in steps.items() if step["state"] == "to do"] == ["quantize", "package"]
    assert "embeddings changed from True to False" in steps["quantize"]["why"]


def test_a_plan_tells_how_long_its_steps_took(finished):
    result = finished.compactor("plan", "tiny.yaml", "--set", "quantize.embeddings=false")
    teacher, *_, package, together = result.stdout.splitlines()
    assert re.search(r"teacher .* in store \(made in \d", teacher)
    assert re.search(r"package .* to do: .* \(before, it took \d", package)
    assert re.fullmatch(r"2 of \d+ to do; before, they took \d.*", together)
    fresh = finished.compactor("plan", "tiny.yaml", "--set", "seed=5", "--set", "name=fresh")
    assert "took" not in fresh.stdout


def test_a_missed_budget_is_exit_status_3_with_the_bundle_there(finished):
    result = finished.compactor("run", "tiny.yaml", "--no-timing", "--set", "budget.size_mb=0.001", "--set", "name=missed")
    assert result.returncode == 3, result.stderr
    rows = json.loads((finished.folder / "runs/missed/report.json").read_text(encoding="utf-8"))["rows"]
    assert all(row["latency_ms"] == [] and row["quality"]["n"] == 120 for row in rows), "nothing was to be timed"
    assert "misses the budget" in result.stdout
    assert "0.001 MB is allowed" in result.stdout.replace("\n", " ")
    assert (finished.folder / "runs/missed/bundle/manifest.json").is_file()


def test_the_bundle_answers_from_another_folder_without_torch(finished, tmp_path):
    shutil.copytree(finished.folder / "runs/tiny/bundle", tmp_path / "moved")
    code = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "import compactor; model = compactor.load('moved')\n"
        "print(model('my parcel is late where is the courier')['label'], model('i cannot enter my account, reset my password')['label'])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.stdout.split() == ["delivery", "login"], result.stderr


def test_verify_and_try_on_the_bundle(finished):
    bundle = "runs/tiny/bundle"
    assert finished.compactor("verify", bundle).returncode == 0
    answer = finished.compactor("try", bundle, "money back, i want a refund for this charge", "--json")
    assert "refund" in answer.stdout, answer.stderr


def test_flipped_labels_change_the_measured_accuracy(desk):
    # Labels dealt out by row number of another cycle say nothing about the text.
    write_rows(desk.folder / "train.csv", 400, seed=1, labels=["refund", "delivery", "login"] * 3 + ["cancel"])
    result = desk.compactor("run", "tiny.yaml", "--no-timing")
    assert result.returncode in {0, 3}, result.stderr
    assert report(desk)["rows"][0]["quality"]["value"] < 0.6


def test_clean_after_deleting_a_run_frees_the_store(finished, tmp_path):
    copy = tmp_path / "desk"
    shutil.copytree(finished.folder, copy, symlinks=True)
    desk = Desk(copy)
    assert "nothing to free" in desk.compactor("clean", "--yes").stdout
    shutil.rmtree(copy / "runs/tiny")
    shutil.rmtree(copy / "runs/missed", ignore_errors=True)
    assert "MB freed" in desk.compactor("clean", "--yes").stdout
    assert list((copy / "runs/.store/artifacts").glob("*")) == []
