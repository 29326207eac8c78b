"""Bad input as a user meets it: one clear line, the right exit status, nothing lost, no traceback."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.conftest import PROFILE, Desk, write_rows


def edit(desk: Desk, old: str, new: str) -> None:
    path = desk.folder / "tiny.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def refused(desk: Desk, status: int, *words: str, verb: str = "run", more: tuple[str, ...] = ()) -> str:
    """Run the verb; it must end with the status, say the words on stderr, and show no traceback."""
    result = desk.compactor(verb, "tiny.yaml", *more)
    told = result.stderr + (result.stdout if verb == "validate" else "")
    assert result.returncode == status, told
    for word in words:
        assert word in told, told
    assert "Traceback" not in told
    return told


# --- the profile -------------------------------------------------------------------------------------------------------------


def test_a_misspelt_setting(desk):
    edit(desk, "temperature: 2", "temprature: 2")
    line = next(n for n, text in enumerate(PROFILE.splitlines(), start=1) if "temperature" in text)
    told = refused(desk, 2, f"tiny.yaml:{line}:", "temprature", "did you mean", "temperature", verb="validate")
    assert "^" in told


def test_a_wrong_type(desk):
    edit(desk, "epochs: 20", "epochs: many")
    refused(desk, 2, "epochs", "many", verb="validate")


def test_a_wrong_order(desk):
    edit(
        desk, "  - export: {}\n  - quantize: {method: dynamic-int8}\n", "  - quantize: {method: dynamic-int8}\n  - export: {}\n"
    )
    line = next(
        n for n, text in enumerate((desk.folder / "tiny.yaml").read_text().splitlines(), start=1) if "- quantize" in text
    )
    refused(desk, 2, f"tiny.yaml:{line}:", "quantize", "onnx", "export", verb="validate")


def test_a_misspelt_stage_of_an_option(desk):
    told = refused(desk, 2, "P053: --to distil", "did you mean 'distill'?", more=("--to", "distil", "--redo", "exprot"))
    assert "--redo exprot" in told
    assert not (desk.folder / "runs/tiny/plan.json").exists(), "refused before anything is done"


def test_all_mistakes_at_once(desk):
    edit(desk, "temperature: 2", "temprature: 2")
    edit(desk, "epochs: 20", "epochs: many")
    edit(desk, "seed: 0", "sede: 0")
    refused(desk, 2, "temprature", "many", "sede", verb="validate")


# --- the data ----------------------------------------------------------------------------------------------------------------


def test_a_missing_file(desk):
    (desk.folder / "train.csv").unlink()
    refused(desk, 2, "train.csv", verb="validate")


def test_a_missing_column(desk):
    edit(desk, "text: text", "text: txet")
    refused(desk, 2, "txet", "did you mean", "text", verb="validate")


@pytest.mark.model
def test_an_unknown_label_in_the_test_split(desk):
    with (desk.folder / "test.csv").open("a") as stream:
        stream.write("who are you,chitchat\n")
    refused(desk, 2, "chitchat")


@pytest.mark.model
def test_one_class_only(desk):
    write_rows(desk.folder / "train.csv", 40, seed=1, labels=["refund"])
    refused(desk, 2, "refund")


@pytest.mark.model
def test_not_utf8(desk):
    with (desk.folder / "train.csv").open("ab") as stream:
        stream.write(b"caf\xe9 is closed,refund\n")
    refused(desk, 2, "train.csv", "UTF-8")


@pytest.mark.model
def test_nan_where_text_should_be(desk):
    import pyarrow
    from pyarrow.parquet import write_table

    table = pyarrow.table({"text": [0.5, float("nan")] * 10, "label": ["a", "b"] * 10})
    write_table(table, desk.folder / "train.parquet")
    edit(desk, "train: train.csv", "train: train.parquet")
    refused(desk, 2, "text")


@pytest.mark.model
def test_empty_and_enormous_texts_are_fine(desk):
    with (desk.folder / "train.csv").open("a") as stream:
        stream.write(',refund\n"",delivery\n' + "a" * 10_000_000 + ",login\n")
    result = desk.compactor("run", "tiny.yaml", "--to", "teacher", "--set", "teacher.train.epochs=1")
    assert result.returncode == 0, result.stderr
    assert "empty" in result.stderr


@pytest.mark.model
def test_the_hub_is_not_asked_without_leave(desk):
    edit(desk, "train: train.csv", "train: someone/some-set")
    refused(desk, 4, "--online")


# --- the teacher -------------------------------------------------------------------------------------------------------------


def teacher_from(desk: Desk, folder: Path) -> None:
    """Make the profile start from a copy of a finished teacher, taken as it is."""
    source = desk.folder / "teacher"
    shutil.copytree(folder, source)
    (source / "artifact.json").unlink()
    text = (desk.folder / "tiny.yaml").read_text()
    begin, end = text.index("  - teacher:"), text.index("  - distill:")
    (desk.folder / "tiny.yaml").write_text(text[:begin] + "  - teacher: {model: teacher}\n" + text[end:])


@pytest.mark.model
def test_a_teacher_with_other_labels(desk, finished):
    teacher_from(desk, finished.folder / "runs/tiny/stages/teacher")
    for name in ("train.csv", "test.csv"):
        text = (desk.folder / name).read_text()
        (desk.folder / name).write_text(text.replace(",refund", ",payback"))
    told = refused(desk, 1, "payback", "refund", more=("--to", "teacher"))
    assert "label" in told


@pytest.mark.model
def test_a_checkpoint_in_half_precision_is_used_in_single(desk, finished):
    import torch
    from safetensors.torch import load_file, save_file

    teacher_from(desk, finished.folder / "runs/tiny/stages/teacher")
    weights = desk.folder / "teacher/model.safetensors"
    save_file({name: tensor.half() for name, tensor in load_file(weights).items()}, weights, metadata={"format": "pt"})
    config = json.loads((desk.folder / "teacher/config.json").read_text())
    (desk.folder / "teacher/config.json").write_text(json.dumps({**config, "dtype": "float16"}))
    result = desk.compactor("run", "tiny.yaml", "--to", "teacher")
    assert result.returncode == 0, result.stderr
    kept = load_file(desk.folder / "runs/tiny/stages/teacher/model.safetensors")
    assert {tensor.dtype for tensor in kept.values() if tensor.is_floating_point()} == {torch.float32}


@pytest.mark.model
def test_a_tokenizer_without_pad_token(desk, finished):
    teacher_from(desk, finished.folder / "runs/tiny/stages/teacher")
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        path = desk.folder / "teacher" / name
        if path.is_file():
            settings = json.loads(path.read_text())
            settings.pop("pad_token", None)
            path.write_text(json.dumps(settings))
    config = json.loads((desk.folder / "teacher/config.json").read_text())
    config.pop("pad_token_id", None)
    (desk.folder / "teacher/config.json").write_text(json.dumps(config))
    result = desk.compactor("run", "tiny.yaml", "--to", "teacher")
    assert result.returncode == 0, result.stderr


@pytest.mark.model
def test_a_diverging_training_is_told(desk):
    result = desk.compactor(
        "run", "tiny.yaml", "--set", "teacher.train.learning_rate=1e18", "--set", "teacher.train.clip_norm=1e30"
    )
    assert result.returncode == 1, result.stderr
    assert "learning_rate" in result.stderr
    assert "Traceback" not in result.stderr


# --- the store and the machine -----------------------------------------------------------------------------------------------


@pytest.mark.model
def test_a_corrupted_artifact_is_found_by_its_hash_and_made_again(finished, tmp_path):
    shutil.copytree(finished.folder, tmp_path / "desk", symlinks=True)
    desk = Desk(tmp_path / "desk")
    path = desk.folder / "runs/tiny/stages/prune/model.safetensors"
    right = path.read_bytes()
    path.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    result = desk.compactor("run", "tiny.yaml", "--no-timing")
    assert result.returncode == 0, result.stderr
    assert "model.safetensors has changed" in result.stderr
    assert path.read_bytes() == right


@pytest.mark.model
def test_a_full_disk_is_one_sentence_and_loses_nothing(desk):
    """A limit on the size of any file stands in for the full disk: the write fails in the same place."""
    import subprocess
    import sys

    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))\n"
        "from compactor.cli.main import main\n"
        "sys.exit(main(['run', 'tiny.yaml', '--no-timing', '--threads', '1']))"
    )
    limited = subprocess.run(
        [sys.executable, "-c", code], cwd=desk.folder, env=desk.environment(), capture_output=True, text=True, check=False
    )
    assert limited.returncode == 1, limited.stderr
    assert "cannot write" in limited.stderr or "disk is full" in limited.stderr
    assert "Traceback" not in limited.stderr
    assert desk.compactor("run", "tiny.yaml", "--no-timing").returncode == 0
