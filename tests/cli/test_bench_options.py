"""Options of `compactor bench` that say where, how long and of what."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compactor.cli.main import main
from compactor.measuring import latency
from tests.cli.test_bench import make_model

pytest.importorskip("onnx")


@pytest.fixture
def models(tmp_path: Path) -> list[str]:
    return [str(make_model(tmp_path / "slow" / "model.onnx", 60)), str(make_model(tmp_path / "fast" / "model.onnx", 3))]


def test_raw_values_may_be_kept_in_this_folder(
    models: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert main(["bench", *models, "--quick", "--seconds", "0.5", "--json", "--raw", "."]) == 0
    row = json.loads(capsys.readouterr().out)["models"]["fast/model.onnx"]["latency_ms"][0]
    assert (tmp_path / row["raw"]).parent == tmp_path / "here"
    assert (tmp_path / row["raw"]).is_file()
    assert row["times_faster_than_first"] is not None


def test_a_folder_for_raw_values_that_cannot_be_made_is_told_before_anything_is_timed(
    models: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(latency, "time_all", lambda *given, **options: pytest.fail("it was timed"))
    (tmp_path / "file").write_text("")
    assert main(["bench", models[0], "--raw", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err.startswith("R102: cannot write")


def test_weights_beside_a_file_count_to_its_size(models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import onnx

    (tmp_path / "outside").mkdir()
    file = tmp_path / "outside" / "model.onnx"
    onnx.save(onnx.load(models[1]), file, save_as_external_data=True, location="model.onnx_data", size_threshold=0)
    (file.parent / "notes.txt").write_text("not shipped")
    assert main(["bench", str(file), "--target", "browser", "--json"]) == 0
    size = json.loads(capsys.readouterr().out)["models"]["model.onnx"]["size_bytes"]
    assert size == sum((file.parent / name).stat().st_size for name in ("model.onnx", "model.onnx_data"))


@pytest.mark.parametrize("package", ["onnxruntime-gpu", "onnxruntime-openvino"])
@pytest.mark.parametrize("target", ["host", "browser"])
def test_onnxruntime_may_come_with_another_package(
    models: list[str], package: str, target: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import onnxruntime

    from compactor.base import environment

    monkeypatch.setattr(environment, "versions", lambda names: {package: "0.7"} if package in names else {})
    assert main(["bench", models[1], "--quick", "--seconds", "0.5", "--target", target]) == 0
    version = onnxruntime.__version__ if target == "host" else "0.7"
    assert f", onnxruntime {version}\n" in capsys.readouterr().out


def test_session_options_that_nobody_timed_are_not_called_the_best(
    models: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(latency, "measure", lambda *given, **options: pytest.fail("it was measured"))
    bundle = Path(models[1]).parent
    (bundle / "manifest.json").write_text('{"schema": 1}')
    assert main(["bench", str(bundle), "--target", "browser", "--sweep", "--write"]) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith("M134: session options of browser cannot be swept: the target browser is wasm32")
    assert shown.out == ""
    assert (bundle / "manifest.json").read_text() == '{"schema": 1}'


def test_a_file_beside_the_model_that_is_cut_is_told(
    models: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = Path(models[1]).parent
    (tmp_path / "texts.txt").write_text("a text\n")
    monkeypatch.setattr(latency, "measure", lambda *given, **options: pytest.fail("it was measured"))
    for name in ("tokenizer.json", "manifest.json"):
        (beside / name).write_text('{"schema": 1,')
        assert main(["bench", models[1], "--texts", str(tmp_path / "texts.txt")]) == 1
        assert capsys.readouterr().err.startswith(f"M135: {beside / name} cannot be read: ")


def test_a_file_beside_the_model_that_describes_something_else_is_passed_over(
    models: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (Path(models[1]).parent / "manifest.json").write_text('[{"a": 1}]')
    assert main(["bench", models[1], "--target", "browser"]) == 0
    assert "model.onnx: " in capsys.readouterr().out
