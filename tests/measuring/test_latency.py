"""The protocol on tiny models. What is compared differs twentyfold, so that a loaded machine cannot turn it over."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compactor.base.finding import Finding
from compactor.base.reporter import Reporter
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.latency import Subject, measure, ratio
from compactor.measuring.runner import UnsupportedError, Worker

TARGET = ThisMachine(batches=(1, 2), lengths=(8, 16))


class Heard(Reporter):
    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def finding(self, finding: Finding) -> None:
        self.findings.append(finding)


@pytest.fixture
def pair(make_model: Callable[..., Path]) -> list[Subject]:
    """A slow model and a fast one, with about twenty times the work between them."""
    return [Subject("slow one", make_model("slow", 60, 128)), Subject("fast", make_model("fast", 3, 128))]


def test_a_slower_model_is_measured_slower(pair: list[Subject], texts: list[np.ndarray], tmp_path: Path) -> None:
    folder = tmp_path / "run" / "raw"
    samples = {subject.id: texts for subject in pair}
    found = measure(pair, TARGET, samples=samples, folder_for_raw=folder, reporter=Reporter(), seconds=3)
    for subject in pair:
        each = found[subject.id]
        assert each.evidence == "measured"
        assert each.latency_ms is not None
        assert [(row["batch"], row["length"]) for row in each.latency_ms] == [(1, "data"), (1, 8), (1, 16), (2, 8), (2, 16)]
        for row in each.latency_ms:
            assert row["threads"] == 1
            assert row["ci95_p50"][0] <= row["p50"] <= row["ci95_p50"][1]
            assert row["p90"] is None or row["p50"] <= row["p90"]
            assert row["cpu_ms"] > 0
            raw = json.loads((folder.parent / row["raw"]).read_text())
            values = np.concatenate([taken["nanoseconds"] for taken in raw["rounds"]]) / 1e6
            assert len(values) == row["n"]
            assert float(np.median(values)) == pytest.approx(row["p50"])
            assert (row["p99"] is None) == (row["n"] < 662)
            assert ("p99" in row["reasons"]) == (row["p99"] is None)
        assert each.load_ms is not None
        assert each.first_ms is not None
        assert (
            each.memory_bytes["runtime"] is None
            or each.peak_memory_bytes >= each.memory_bytes["load"] >= each.memory_bytes["runtime"]
        )
        assert each.noise["verdict"] in {"quiet", "noisy", "contended"}
        assert set(each.noise["cells"]) == {"data", "b1x8", "b1x16", "b2x8", "b2x16"}
        assert each.aa["subject"] == "fast"
        json.dumps(each.as_dict(), allow_nan=False)
    slow, fast = (folder.parent / found[name].latency_ms[0]["raw"] for name in ("slow one", "fast"))
    value, (low, high) = ratio(slow, fast)
    assert low <= value <= high
    assert low > 1
    assert ratio(fast, slow)[1][1] < 1


def test_figures_beside_the_times(pair: list[Subject], texts: list[np.ndarray], tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({f"w{number}": number for number in range(50)}, unk_token="w0"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    subjects = [replace(pair[0], tokenizer=tmp_path / "tokenizer.json"), pair[1]]
    words = [" ".join(f"w{number}" for number in text) for text in texts]
    target = replace(TARGET, price_per_hour=2.0, batches=(1, 8), lengths=(8,))
    samples = {subject.id: texts for subject in subjects}
    found = measure(
        subjects,
        target,
        samples=samples,
        texts=words,
        workers=2,
        folder_for_raw=tmp_path / "raw",
        reporter=Reporter(),
        seconds=2,
    )
    slow, fast = found["slow one"], found["fast"]
    assert slow.end_to_end_ms is not None
    assert slow.end_to_end_ms["length"] == "text"
    assert all(row["length"] != "text" for row in slow.latency_ms or [])
    assert fast.end_to_end_ms is None
    assert "tokenizer.json" in fast.absent["end_to_end_ms"]
    for each in (slow, fast):
        assert each.conditions["inputs"][0]["filled"] == "ids drawn at random from those of the real inputs"
        assert [row["workers"] for row in each.throughput] == [1, 2]
        assert all(row["texts_per_s"] > 0 and row["n"] > 0 for row in each.throughput)
        best = max(
            row["texts_per_s"]
            for row in each.throughput + [row | {"texts_per_s": row["throughput_per_s"]} for row in each.latency_ms]
        )
        assert each.cost_per_million["value"] == pytest.approx(2.0 / 3600 / best * 1e6)
        assert set(each.scenarios) == {"single_stream", "multi_stream", "offline", "changing_lengths"}
        assert each.scenarios["offline"]["texts_per_s"] == pytest.approx(best)
        assert each.memory_bytes["mixed_lengths"] is None or each.memory_bytes["mixed_lengths"] > 10e6
        assert each.energy["mj_per_text"] is None or each.energy["mj_per_text"] > 0
        assert each.conditions["nodes"] == {"CPUExecutionProvider": each.conditions["nodes"]["CPUExecutionProvider"]}
        assert each.conditions["cores"] is None or len(each.conditions["cores"]) == 1
        json.dumps(each.as_dict(), allow_nan=False)
    assert slow.conditions["cores"] == fast.conditions["cores"]


def test_times_of_a_throttling_processor_are_withheld(
    make_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Worker.ask

    def hot(worker: Worker, message: dict) -> dict:
        answer = asked(worker, message)
        return answer | {"throttled": 1} if message.get("do") == "burst" else answer

    monkeypatch.setattr(Worker, "ask", hot)
    heard = Heard()
    subject = Subject("m", make_model("m", 2))
    found = measure([subject], TARGET, folder_for_raw=tmp_path / "raw", reporter=heard, quick=True, seconds=1)["m"]
    assert found.latency_ms is None
    assert found.throughput_per_s is None
    assert found.load_ms is None
    assert found.absent["latency_ms"] == "the processor throttled"
    assert "M113" in [finding.code for finding in heard.findings]
    assert list((tmp_path / "raw").iterdir()), "the raw values are kept"
    json.dumps(found.as_dict(), allow_nan=False)


def test_a_machine_without_counters_is_measured(
    make_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Worker.ask
    known = {
        "kind",
        "nanoseconds",
        "wall_ns",
        "inputs",
        "load_ms",
        "import_ms",
        "clock_us",
        "first_ms",
        "median_ms",
        "ended_ns",
        "begun_ns",
    }

    def bare(worker: Worker, message: dict) -> dict:
        if message.get("do") == "mix":
            raise UnsupportedError("no memory is told")
        return {name: value if name in known else None for name, value in asked(worker, message).items()}

    monkeypatch.setattr(Worker, "ask", bare)
    found = measure(
        [Subject("m", make_model("m", 2))], TARGET, folder_for_raw=tmp_path / "raw", reporter=Reporter(), quick=True, seconds=1
    )["m"]
    assert found.latency_ms[0]["p50"] > 0
    assert found.latency_ms[0]["cpu_ms"] is None
    assert found.peak_memory_bytes is None
    assert found.absent["memory_bytes"] == "no memory is told"
    assert found.noise["cpu_use"] is None


def test_turns_are_interleaved_and_shuffled(pair: list[Subject], tmp_path: Path) -> None:
    found = measure(
        pair, ThisMachine(batches=(1,), lengths=(16,)), folder_for_raw=tmp_path / "raw", reporter=Reporter(), seconds=2
    )
    taken = [json.loads((tmp_path / found[s.id].latency_ms[0]["raw"]).read_text())["rounds"] for s in pair]
    keys = [[(burst["process"], burst["round"]) for burst in rounds] for rounds in taken]
    assert keys[0] == keys[1]
    assert {process for process, _ in keys[0]} == {0, 1, 2}
    assert len({burst["turn"] for burst in taken[0]}) > 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot bind a process to a core")
def test_a_process_that_burns_the_same_core_is_noticed(make_model: Callable[..., Path], tmp_path: Path) -> None:
    import subprocess
    import sys

    core = min(os.sched_getaffinity(0))
    burn = f"import os; os.sched_setaffinity(0, [{core}])\nwhile True: pass"
    heard = Heard()
    subject = Subject("m", make_model("m", 20, 128))
    with subprocess.Popen([sys.executable, "-c", burn]) as burner:
        try:
            found = measure(
                [subject], TARGET, folder_for_raw=tmp_path / "raw", reporter=heard, quick=True, seconds=1, affinity=[core]
            )["m"]
        finally:
            burner.kill()
    assert found.noise["verdict"] == "contended"
    assert "M110" in [finding.code for finding in heard.findings]
    assert found.latency_ms[0]["n"] > 0  # told, and not hidden


def test_a_graph_with_fixed_sizes_and_floats_is_measured(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    node = helper.make_node("Relu", ["pixels"], ["out"])
    given = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, 4, 4])
    gives = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["batch", 3, 4, 4])
    graph = helper.make_graph([node], "relu", [given], [gives])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    found = measure(
        [Subject("m", tmp_path / "m.onnx")], TARGET, folder_for_raw=tmp_path / "raw", reporter=Reporter(), quick=True, seconds=1
    )
    assert [(row["batch"], row["length"]) for row in found["m"].latency_ms] == [(1, None)]


def test_lengths_beyond_the_models_own_are_left_out(make_model: Callable[..., Path], tmp_path: Path) -> None:
    subject = Subject("m", make_model("m", 1), {"max_length": 8})
    found = measure([subject], TARGET, folder_for_raw=tmp_path / "raw", reporter=Reporter(), seconds=1)
    assert {row["length"] for row in found["m"].latency_ms} == {8}


def test_quick_takes_a_length_that_all_models_read(make_model: Callable[..., Path], tmp_path: Path) -> None:
    subjects = [Subject("long", make_model("long", 1)), Subject("short", make_model("short", 1), {"max_length": 4})]
    found = measure(subjects, TARGET, folder_for_raw=tmp_path / "raw", reporter=Reporter(), quick=True, seconds=1)
    assert {name: [row["length"] for row in each.latency_ms] for name, each in found.items()} == {"long": [4], "short": [4]}


def test_another_architecture_is_not_measured_and_says_so(make_model: Callable[..., Path], tmp_path: Path) -> None:
    heard = Heard()
    target = ThisMachine(name="board", machine="a-machine-that-is-not-here")
    found = measure([Subject("m", make_model("m", 1))], target, folder_for_raw=tmp_path / "raw", reporter=heard)["m"]
    assert found.evidence is None
    assert found.latency_ms is None
    assert found.peak_memory_bytes is None
    assert [finding.code for finding in heard.findings] == ["M121"]
    assert found.findings == tuple(heard.findings)


@pytest.mark.slow
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2 if hasattr(os, "sched_getaffinity") else True, reason="needs two cores")
def test_a_second_process_on_another_core_raises_the_verdict_too(make_model: Callable[..., Path], tmp_path: Path) -> None:
    import subprocess
    import sys

    ours, other = sorted(os.sched_getaffinity(0))[:2]
    burn = f"import os; os.sched_setaffinity(0, [{other}])\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", burn]) as burner:
        try:
            found = measure(
                [Subject("m", make_model("m", 20, 128))],
                TARGET,
                folder_for_raw=tmp_path / "raw",
                reporter=Reporter(),
                quick=True,
                seconds=4,
                affinity=[ours],
            )["m"]
        finally:
            burner.kill()
    assert found.noise["others"] > 0.25
    assert "shared" in found.noise["flags"]
    assert found.noise["verdict"] != "quiet"
