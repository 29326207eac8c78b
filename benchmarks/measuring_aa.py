"""How far our timings can be trusted: A/A comparisons that must find nothing, and a cross-check against a plain loop.

    python benchmarks/measuring_aa.py [--model model.onnx] [--comparisons 20] [--seconds 4]

Without a model a small one is made (a token table and a chain of matrix products).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from compactor.base.reporter import Reporter
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.latency import Measured, Subject, measure, ratio

LENGTH = 32
# Written on purpose without anything of compactor: another clock loop around the same session options.
PLAIN_LOOP = """
import os, statistics, sys, time
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
feed = dict(numpy.load(sys.argv[2]))
times = []
for _ in range(int(sys.argv[3])):
    begun = time.perf_counter()
    session.run(None, feed)
    times.append(time.perf_counter() - begun)
print(statistics.median(times[len(times) // 5:]) * 1e3)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--comparisons", type=int, default=20)
    parser.add_argument("--cross-checks", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each comparison")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = arguments.model or make_model(Path(folder) / "chain.onnx")
        compare_with_itself(model, arguments.comparisons, arguments.seconds, Path(folder))
        cross_check(model, arguments.cross_checks, arguments.seconds, Path(folder))


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


def cross_check(model: Path, checks: int, seconds: float, folder: Path) -> None:
    """Time the same input with a plain loop and with our protocol, in turns; print the median of the ratios."""
    feed = folder / "feed.npz"
    ids = np.arange(1, LENGTH + 1, dtype=np.int64)
    np.savez(
        feed,
        **{
            name: np.ones((1, LENGTH), np.int64) if "mask" in name else ids[None] * ("type" not in name)
            for name in inputs(model)
        },
    )
    ratios = []
    for number in range(checks):
        runs = "600" if model.stat().st_size < 10e6 else "100"
        plain = float(
            subprocess.run(
                [sys.executable, "-c", PLAIN_LOOP, str(model), str(feed), runs], capture_output=True, text=True, check=True
            ).stdout
        )
        found = timed(model, ("a",), seconds, folder / f"cross{number}", seed=number, samples=[ids])
        ours = found["a"].latency_ms[0]["p50"]
        ratios.append(ours / plain)
        print(f"{number + 1:3d}  ours {ours:.4f} ms, plain loop {plain:.4f} ms, ratio {ours / plain:.3f}", flush=True)
    print(f"median ratio of our p50 to the plain loop's: {statistics.median(ratios):.3f}")


def timed(
    model: Path, names: tuple[str, ...], seconds: float, raw: Path, *, seed: int, samples: list[np.ndarray] | None = None
) -> dict[str, Measured]:
    subjects = [Subject(name, model, tokens=100) for name in names]
    target = ThisMachine(batches=(1,), lengths=(LENGTH,))
    given = dict.fromkeys(names, samples) if samples else None
    return measure(
        subjects, target, samples=given, folder_for_raw=raw, reporter=Reporter(), quick=True, seconds=seconds, seed=seed
    )


def inputs(model: Path) -> list[str]:
    import onnxruntime

    return [each.name for each in onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"]).get_inputs()]


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
