"""How far our timings can be trusted: A/A comparisons that must find nothing, and a cross-check against a plain loop.

    python benchmarks/measuring_aa.py [--model model.onnx | --encoder] [--comparisons 20] [--seconds 4]

Without a model a small one is made (a token table and a chain of matrix products). `--encoder` makes one of 23 MB: all-MiniLM-L6-v2
from the folder that COMPACTOR_DATA names, with a fresh classifier, exported and quantized to dynamic int8.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from compactor.base.reporter import Reporter
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.latency import Measured, Subject, measure, ratio
from compactor.measuring.runner import LocalRunner, Worker
from compactor.measuring.statistics import Rounds, ratio_interval

LENGTH = 32
ROUNDS, BURST_SECONDS = 60, 0.15
# Written on purpose without anything of compactor: another clock loop around the same session options. It times as many runs as a
# line on stdin says, after one that is not timed, and answers with the seconds of each.
PLAIN_LOOP = """
import os, sys, time
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
feed = {name.rpartition("|")[2]: array for name, array in numpy.load(sys.argv[2]).items()}
for line in sys.stdin:
    times = []
    session.run(None, feed)
    for _ in range(int(line)):
        begun = time.perf_counter()
        session.run(None, feed)
        times.append(time.perf_counter() - begun)
    print(times, flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--encoder", action="store_true", help="a model of 23 MB, made from the encoder in COMPACTOR_DATA")
    parser.add_argument("--comparisons", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each comparison")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = arguments.model or (make_encoder if arguments.encoder else make_model)(Path(folder) / "model.onnx")
        print(
            f"{model.stat().st_size / 1e6:.1f} MB, length {LENGTH}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
            flush=True,
        )
        cross_check(model, Path(folder))
        compare_with_itself(model, arguments.comparisons, arguments.seconds, Path(folder))


def compare_with_itself(model: Path, comparisons: int, seconds: float, folder: Path) -> None:
    """Measure the model as two subjects, again and again; count the intervals of the ratio that exclude 1."""
    different = 0
    for number in range(comparisons):
        raw = folder / f"raw{number}"
        found = timed(model, ("a", "b"), seconds, raw, seed=number)
        value, (low, high) = ratio(raw.parent / found["a"].latency_ms[0]["raw"], raw.parent / found["b"].latency_ms[0]["raw"])
        differs = not low <= 1 <= high
        different += differs
        noise = found["a"].noise
        mark = "  <- a difference" if differs else ""
        print(
            f"{number + 1:3d}  {value:.4f} ({low:.4f} to {high:.4f})  {noise['verdict']}, CPU use {noise['cpu_use']:.2f}{mark}",
            flush=True,
        )
    print(f"{different} of {comparisons} self-comparisons show a difference")


def cross_check(model: Path, folder: Path) -> None:
    """Let a plain loop and our worker time the same input in turns, 0.15 s each; print the ratio of the medians."""
    feed = folder / "feed.npz"
    np.savez(feed, **{f"c|0|{name}": array for name, array in feed_of(model).items()})
    command = [sys.executable, "-c", PLAIN_LOOP, str(model), str(feed)]
    job = {"model": str(model), "provider": "CPUExecutionProvider"}
    plain_ms, our_ms = [], []
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as plain,
        Worker(LocalRunner(), "ours", job) as ours,
    ):
        assert plain.stdin is not None
        assert plain.stdout is not None
        ours.ask({"do": "feeds", "path": str(feed)})
        runs = max(3, round(BURST_SECONDS / (ours.ask({"do": "warm", "cell": "c", "seconds": 2})["median_ms"] / 1e3)))
        for number in range(ROUNDS):
            for who in ("plain", "ours") if number % 2 else ("ours", "plain"):
                if who == "ours":
                    answer = ours.ask({"do": "burst", "cell": "c", "feeds": [0] * runs, "discard": 1})
                    our_ms.append(np.array(answer["nanoseconds"]) / 1e6)
                else:
                    plain.stdin.write(f"{runs}\n")
                    plain.stdin.flush()
                    plain_ms.append(np.array(json.loads(plain.stdout.readline())) * 1e3)
        plain.stdin.close()
    process = (0,) * ROUNDS
    first, second = Rounds(tuple(our_ms), process), Rounds(tuple(plain_ms), process)
    value, (low, high) = ratio_interval(first, second)
    print(
        f"ours p50 {np.median(first.all):.3f} ms, plain loop {np.median(second.all):.3f} ms, {runs} runs in each of {ROUNDS} turns"
    )
    print(f"ratio of our p50 to the plain loop's, interleaved: {value:.4f} ({low:.4f} to {high:.4f})", flush=True)


def feed_of(model: Path) -> dict[str, np.ndarray]:
    ids = np.arange(1, LENGTH + 1, dtype=np.int64)[None]
    return {name: np.ones_like(ids) if "mask" in name else ids * ("type" not in name) for name in inputs(model)}


def timed(model: Path, names: tuple[str, ...], seconds: float, raw: Path, *, seed: int) -> dict[str, Measured]:
    subjects = [Subject(name, model, tokens=100) for name in names]
    target = ThisMachine(batches=(1,), lengths=(LENGTH,))
    return measure(subjects, target, folder_for_raw=raw, reporter=Reporter(), quick=True, seconds=seconds, seed=seed)


def inputs(model: Path) -> list[str]:
    import onnxruntime

    return [each.name for each in onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"]).get_inputs()]


def make_encoder(path: Path) -> Path:
    """Export MiniLM with a classifier of 77 labels and quantize it; its answers mean nothing, its time does."""
    import shutil

    from transformers import AutoModelForSequenceClassification

    from compactor.exporting import export_onnx
    from compactor.quantization.dynamic import quantize_dynamic_int8
    from compactor.tasks import TASKS

    source = Path(os.environ["COMPACTOR_DATA"]) / "models" / "all-MiniLM-L6-v2"
    folder = path.with_suffix("")
    labels = {number: f"label {number}" for number in range(77)}
    names = {name: number for number, name in labels.items()}
    model = AutoModelForSequenceClassification.from_pretrained(source, id2label=labels, label2id=names, dtype="float32")
    model.save_pretrained(folder / "torch")
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copy(source / name, folder / "torch")
    export_onnx(folder / "torch", folder / "fp32", task=TASKS.load("text-classification")(), pair=False, opset=17)
    quantize_dynamic_int8(folder / "fp32", folder / "int8", reduce_range=False)
    return folder / "int8" / "model.onnx"


def make_model(path: Path, layers: int = 12, width: int = 192) -> Path:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    weights = [numpy_helper.from_array(random.standard_normal((1000, width)).astype(np.float32), "table")]
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["x0"])]
    for layer in range(layers):
        weights.append(
            numpy_helper.from_array((random.standard_normal((width, width)) / width**0.5).astype(np.float32), f"w{layer}")
        )
        nodes += [
            helper.make_node("MatMul", [f"x{layer}", f"w{layer}"], [f"m{layer}"]),
            helper.make_node("Tanh", [f"m{layer}"], [f"x{layer + 1}"]),
        ]
    given = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"])]
    gives = [helper.make_tensor_value_info(f"x{layers}", TensorProto.FLOAT, ["batch", "sequence", width])]
    graph = helper.make_graph(nodes, "chain", given, gives, weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


if __name__ == "__main__":
    main()
