"""Estimates against measured times on this machine: calibrated on the small models, then held against encoders that were not among them.

    taskset -c 0 python benchmarks/estimates.py [--set second]

For each graph, batch 1: the calibrated prediction and the measured p50; then the median and the worst relative error, for fp32 and
int8 apart. Weights are random: a time does not depend on them. About five minutes on a busy core.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from compactor.base.environment import machine
from compactor.base.reporter import Reporter
from compactor.measuring.cells import Cell
from compactor.measuring.estimate.calibrate import calibrate, run_ms
from compactor.measuring.estimate.interval import LONGER, SHORTER, predicted_ms
from compactor.measuring.estimate.work import graph_work
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.latency import measure
from compactor.measuring.result import Subject
from compactor.measuring.runners.local import LocalRunner

# Layers, width, inner width, heads; and lengths. The interval was chosen on the first set, and the second checks it.
SETS = {
    "first": (((1, 128, 512, 2), (2, 192, 768, 6), (3, 384, 1536, 12), (6, 256, 1024, 8), (6, 384, 1536, 12)), (16, 128)),
    "second": (((2, 256, 512, 4), (3, 128, 256, 4), (4, 320, 1280, 5), (5, 192, 384, 3), (4, 384, 768, 6)), (32, 96)),
}
Shapes = tuple[tuple[int, int, int, int], ...]
VOCABULARY, LABELS = 2000, 8


def graphs(folder: Path, shapes: Shapes) -> dict[str, Path]:
    """Write random encoders and a bag of piece vectors, each in fp32 and in dynamic int8, through torch's exporter."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    found = {}
    for name, module in modules(shapes).items():
        path = folder / f"{name}-fp32.onnx"
        export(module, path)
        found[path.stem] = path
        if name != "bag":  # its int8 form has no products to quantize but the classifier
            smaller = folder / f"{name}-int8.onnx"
            quantize_dynamic(str(path), str(smaller), weight_type=QuantType.QInt8, per_channel=True)
            found[smaller.stem] = smaller
    return found


def modules(shapes: Shapes) -> dict[str, object]:
    """Return the torch modules by name; each takes ids and mask, (batch, length) int64, and answers (batch, labels)."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    found: dict[str, object] = {}
    for layers, hidden, inner, heads in shapes:
        config = BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=hidden,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=inner,
            max_position_embeddings=128,
            num_labels=LABELS,
            attn_implementation="eager",
        )
        found[f"{layers}x{hidden}"] = BertForSequenceClassification(config).eval()

    class Bag(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.head = torch.nn.Embedding(VOCABULARY, 256), torch.nn.Linear(256, LABELS)

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            mask = attention_mask.unsqueeze(-1).float()
            return self.head((self.table(input_ids) * mask).sum(1) / mask.sum(1))

    return {**found, "bag": Bag().eval()}


def export(module: object, path: Path) -> None:
    """Write one graph with free batch and length."""
    import torch

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            answer = self.inner(input_ids=input_ids, attention_mask=attention_mask)
            return getattr(answer, "logits", answer)

    ids = torch.ones((2, 7), dtype=torch.int64)
    axes = {0: "batch", 1: "sequence"}
    torch.onnx.export(
        Plain().eval(),
        (ids, ids),
        str(path),
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamic_axes={"input_ids": axes, "attention_mask": axes, "logits": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="for the timed part of each length")
    parser.add_argument("--set", choices=SETS, default="first", help="which graphs and lengths")
    parser.add_argument("--json", type=Path, help="write all figures here")
    arguments = parser.parse_args()
    reporter = Reporter()
    shapes, lengths = SETS[arguments.set]
    constants = calibrate(ThisMachine(), LocalRunner(), reporter, seconds=arguments.seconds)
    print(json.dumps(constants, indent=1))
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        paths = graphs(Path(scratch), shapes)
        for length in lengths:
            target = ThisMachine(batches=(1,), lengths=(length,))
            subjects = [Subject(name, path, tokens=VOCABULARY) for name, path in paths.items()]
            raw = Path(scratch) / f"raw{length}"
            measured = measure(
                subjects, target, folder_for_raw=raw, reporter=reporter, quick=True, seconds=arguments.seconds, interval=0.05
            )
            for name, path in paths.items():
                work = graph_work(path, Cell(1, length))
                row, noise = measured[name].latency_ms[0], measured[name].noise["verdict"]
                predicted, time = predicted_ms(work, constants["seconds"]), run_ms(measured[name])
                rows.append((name, length, predicted, time, row["p50"], predicted / time - 1, noise))
                print(f"{name:<14} {length:>4}  predicted {predicted:8.3f}  measured {time:8.3f}  p50 {row['p50']:8.3f}  "
                      f"{100 * (predicted / time - 1):+6.1f} %  {noise}")  # fmt: skip
    for kind in ("fp32", "int8"):
        errors = np.array([row[5] for row in rows if row[0].endswith(kind)])
        median, low, high = (100 * value for value in (np.median(np.abs(errors)), errors.min(), errors.max()))
        print(f"{kind}: median error {median:.0f} %, from {low:+.0f} to {high:+.0f} %")
    inside = [SHORTER * row[2] <= row[3] <= LONGER * row[2] for row in rows]
    print(
        f"{sum(inside)} of {len(inside)} inside the interval [{SHORTER:g}, {LONGER:g}] times the prediction; {machine()['cpu_model']}"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps({"calibration": constants, "rows": rows}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
