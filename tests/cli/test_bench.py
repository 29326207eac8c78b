"""`compactor bench` on models that compactor did not make."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from compactor.cli.main import main
from compactor.measuring import latency

onnx = pytest.importorskip("onnx")


def make_model(path: Path, layers: int, width: int = 128) -> Path:
    from onnx import TensorProto, helper, numpy_helper

    table = np.zeros((2, width), dtype=np.float32)
    weights = [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.eye(width, dtype=np.float32), "weight")]
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["x0"])]
    for layer in range(layers):
        nodes.append(helper.make_node("MatMul", [f"x{layer}", "weight"], [f"m{layer}"]))
        nodes.append(helper.make_node("Tanh", [f"m{layer}"], [f"x{layer + 1}"]))
    given = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"])]
    gives = [helper.make_tensor_value_info(f"x{layers}", TensorProto.FLOAT, ["batch", "sequence", width])]
    graph = helper.make_graph(nodes, "chain", given, gives, weights)
    path.parent.mkdir(exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture
def models(tmp_path: Path) -> list[str]:
    return [str(make_model(tmp_path / "slow" / "model.onnx", 60)), str(make_model(tmp_path / "fast" / "model.onnx", 3))]


def test_two_models_are_compared(models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = tmp_path / "out" / "raw"
    assert main(["bench", *models, "--quick", "--seconds", "1", "--json", "--raw", str(raw)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert list(result["models"]) == ["slow/model.onnx", "fast/model.onnx"]
    assert result["evidence"] == "measured"
    slow, fast = (result["models"][name] for name in result["models"])
    assert slow["latency_ms"][0]["times_faster_than_first"] is None
    faster = fast["latency_ms"][0]["times_faster_than_first"]
    assert 1 < faster["ci95"][0] <= faster["ratio"] <= faster["ci95"][1]
    assert fast["size_bytes"] == Path(models[1]).stat().st_size
    assert (raw.parent / fast["latency_ms"][0]["raw"]).is_file()


def test_the_table_is_plain_text(models: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *models, "--quick", "--seconds", "1"]) == 0
    shown = capsys.readouterr().out
    assert "p50 ms" in shown
    assert "times faster than slow/model.onnx" in shown
    assert "self-test" in shown
    assert "\x1b" not in shown


def test_a_board_without_the_toolchain_can_measure(models: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['pydantic', 'rich', 'ruamel', 'onnx', 'torch', 'pyarrow']));"
        "from compactor.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "bench", models[1], "--quick", "--seconds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HOME": str(tmp_path)}, check=False)
    assert done.returncode == 0, done.stderr
    assert "p50 ms" in done.stdout


def test_texts_of_real_length_need_a_tokenizer(models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    texts = tmp_path / "texts.txt"
    texts.write_text("a b\na a a b\nb\n", encoding="utf-8")
    assert main(["bench", models[1], "--texts", str(texts)]) == 4
    assert "tokenizer.json" in capsys.readouterr().err
    tokenizer = Tokenizer(WordLevel({"a": 0, "b": 1}, unk_token="a"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.enable_padding(length=128)  # must not be heeded
    tokenizer.save(str(Path(models[1]).parent / "tokenizer.json"))
    raw = tmp_path / "out" / "raw"
    assert main(["bench", models[1], "--texts", str(texts), "--quick", "--seconds", "1", "--json", "--raw", str(raw)]) == 0
    rows = next(iter(json.loads(capsys.readouterr().out)["models"].values()))["latency_ms"]
    assert [row["length"] for row in rows] == ["data", 128]
    assert rows[0]["p50"] < rows[1]["p50"]


def test_texts_that_cannot_be_read_are_told(models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = tmp_path / "texts.txt"
    assert main(["bench", models[1], "--texts", str(texts)]) == 4
    assert "M107" in capsys.readouterr().err
    texts.write_bytes("one text\nanother \xe9".encode("latin-1"))
    assert main(["bench", models[1], "--texts", str(texts)]) == 2
    assert "texts.txt:2:9: M122: byte 0xe9 is not UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        (["absent.onnx"], 1, "absent.onnx"),
        (["MODEL", "--shape", "x=1,b"], 2, "--shape"),
        (["MODEL", "--shape", "wat=7"], 1, "wat"),
        (["MODEL", "--write"], 2, "--sweep"),
        (["MODEL", "--target", "server-gpu"], 4, "CUDAExecutionProvider"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], status: int, word: str, models: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    import onnxruntime

    if word in onnxruntime.get_available_providers():
        pytest.skip("this machine has the provider")
    assert main(["bench", *(models[1] if each == "MODEL" else each for each in arguments)]) == status
    shown = capsys.readouterr().err.strip()
    assert word in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("report", "code", "hint"),
    [
        ('{"schema": 1, "rows": [', "R121", "run the profile again"),
        (None, "R120", "name a run folder"),
        ('{"schema": 1}', "R121", ""),
    ],
)
def test_a_report_that_cannot_be_added_to_is_told_before_anything_is_timed(
    models: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    report: str | None,
    code: str,
    hint: str,
) -> None:
    monkeypatch.setattr(latency, "measure", lambda *given, **options: pytest.fail("it was timed"))
    (tmp_path / "run").mkdir()
    if report is not None:
        (tmp_path / "run" / "report.json").write_text(report)
    assert main(["bench", models[0], "--add-to", str(tmp_path / "run")]) == (1 if report else 4)
    told = capsys.readouterr().err
    assert told.startswith(f"{code}: ")
    assert hint in told


def test_everything_at_once_on_a_foreign_model(models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "cloud.yaml"
    target.write_text(
        "name: cloud\ntitle: a cloud\nmachine: any\nint8_dot_product: false\nbatches: [1, 8]\nlengths: [16]\n"
        "price_per_hour: 3.6\ncurrency: EUR\n",
        encoding="utf-8",
    )
    words = ["bench", models[1], "--target", str(target), "--workers", "2", "--seconds", "1"]
    assert main([*words, "--shape", "sequence=5", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    each = next(iter(result["models"].values()))
    assert [(row["batch"], row["length"]) for row in each["latency_ms"]] == [(1, 5), (8, 5)]
    assert [row["workers"] for row in each["throughput"]] == [1, 2]
    best = each["scenarios"]["offline"]["texts_per_s"]
    assert each["cost_per_million"]["value"] == pytest.approx(3.6 / 3600 / best * 1e6)
    assert each["conditions"]["inputs"][0]["filled"] == "random ids below 2, the rows of the table that they index"
    assert main(words) == 0
    shown = capsys.readouterr().out
    for part in ("random ids below 2", "EUR a million answers", "texts/s by number of workers: 1:", "SingleStream", "energy"):
        assert part in shown, part


def test_a_scenario_takes_its_cells_only(models: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", models[1], "--scenario", "multi-stream", "--quick", "--seconds", "1", "--json"]) == 0
    each = next(iter(json.loads(capsys.readouterr().out)["models"].values()))
    assert {row["batch"] for row in each["latency_ms"]} == {8}
    assert set(each["scenarios"]) == {"multi_stream", "offline"}


def test_the_best_session_options_are_written_into_a_bundle(
    models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from compactor.measuring import sweep

    monkeypatch.setattr(sweep, "SECONDS", 0.5)
    monkeypatch.setattr(sweep, "_options", lambda runner, target: {"graph_level": ["all", "basic"], "arena": [True, False]})
    bundle = Path(models[1]).parent
    words = ["bench", str(bundle), "--quick", "--seconds", "1", "--sweep"]
    assert main([*words, "--write"]) == 2
    assert "no bundle" in capsys.readouterr().err
    (bundle / "manifest.json").write_text(json.dumps({"schema": 1, "session": {"intra_op_num_threads": 9}}), encoding="utf-8")
    assert main([*words, "--write", "--json"]) == 0
    swept = json.loads(capsys.readouterr().out)["sweep"]
    assert [(step["option"], step["value"]) for step in swept["steps"]] == [
        ("graph_level", "all"),
        ("graph_level", "basic"),
        ("arena", True),
        ("arena", False),
    ]
    assert [sum(step["chosen"] for step in swept["steps"] if step["option"] == name) for name in ("graph_level", "arena")] == [
        1,
        1,
    ]
    session = json.loads((bundle / "manifest.json").read_text())["session"]
    assert session["intra_op_num_threads"] == swept["best"]["threads"] == 1
    assert session["graph_optimization_level"] == swept["best"]["graph_level"]
    assert session["measured_on"]["cpu_model"]
    assert session["measured_on"]["onnxruntime"]
    assert main(words) == 0
    assert "session options of" in capsys.readouterr().out
