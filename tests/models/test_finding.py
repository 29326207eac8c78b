"""Where a model is looked for, and what is said when it is nowhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from compactor.base.errors import MissingError, StageError
from compactor.models.finding import find_model, model_fingerprint
from tests.models.hub_stub import serve

FETCH = """
import json, sys
from pathlib import Path
from compactor.models.finding import find_model
folder = find_model("someone/tiny", (Path(sys.argv[1]),), online=True)
print(json.dumps({str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}))
"""


def test_a_folder_is_found_in_the_first_place_that_has_it(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "model").mkdir(parents=True)
    assert find_model("model", (tmp_path, tmp_path / "two", tmp_path / "one"), online=False) == tmp_path / "two" / "model"
    assert find_model(str(tmp_path / "one" / "model"), (), online=False) == tmp_path / "one" / "model"


def test_what_is_nowhere_is_missing_and_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as raised:
        find_model("org/name", (tmp_path,), online=False)
    assert raised.value.exit_status == 4
    assert str(tmp_path) in raised.value.problem.sentence
    assert "--online" in raised.value.problem.hint


def test_a_hub_that_cannot_be_reached_is_missing(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    with pytest.raises(MissingError, match="cannot be fetched from the hub"):
        find_model("org/name", (tmp_path,), online=True)  # HF_HUB_OFFLINE is set for all tests


def test_a_file_is_not_a_model_folder(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(StageError, match="is a file"):
        find_model("model.safetensors", (tmp_path,), online=False)


def test_a_hub_model_is_fetched_without_pickles_once(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    wanted = {"config.json": "{}", "model.safetensors": "weights", "vocab.txt": "a", "1_Pooling/config.json": "mean"}
    wanted |= {"2_Dense/config.json": "a shape", "2_Dense/model.safetensors": "a map"}
    unwanted = {"pytorch_model.bin": "a pickle", "evil.py": "code", "2_Dense/pytorch_model.bin": "a pickle"}
    unwanted |= {"onnx/config.json": "{}", "openvino/config.json": "{}", "1_Pooling/onnx/config.json": "{}"}
    for name, content in {**wanted, **unwanted}.items():
        (shelf / name).parent.mkdir(parents=True, exist_ok=True)
        (shelf / name).write_text(content)
    with serve({"someone/tiny": shelf}) as (endpoint, asked):
        environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        environment |= {
            "HF_ENDPOINT": endpoint,
            "HF_HUB_OFFLINE": "0",
            "HF_HOME": str(tmp_path / "hub"),
            "HF_HUB_DISABLE_XET": "1",
        }
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "-c", FETCH, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=120
            )
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout) == wanted
    fetched = [line for line in asked if line.startswith("GET") and "/resolve/" in line]
    assert len(fetched) == len(wanted)


def test_the_modules_of_a_sentence_encoder_are_part_of_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    plain = model_fingerprint(str(tmp_path), ())
    for name in ("1_Pooling", "runs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("mean")
    assert model_fingerprint(str(tmp_path), ()) == plain
    (tmp_path / "modules.json").write_text("[]")
    mean = model_fingerprint(str(tmp_path), ())
    (tmp_path / "1_Pooling/config.json").write_text("cls")
    cls = model_fingerprint(str(tmp_path), ())
    (tmp_path / "runs/config.json").write_text("other")
    assert model_fingerprint(str(tmp_path), ()) == cls
    assert mean != cls


def test_a_path_may_begin_at_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text('{"num_hidden_layers": 3}')
    assert find_model("~/model", (Path("/elsewhere"),), online=False) == tmp_path / "model"
    assert model_fingerprint("~/model", ()) == model_fingerprint(str(tmp_path / "model"), ())
    with pytest.raises(MissingError):
        find_model("~/other", (), online=False)
