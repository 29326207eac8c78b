"""Training speed on Banking77, MiniLM-L6 teaching a student of three of its layers: compactor and its parts left out, and three peers.

    COMPACTOR_DATA=... taskset -c 0 python benchmarks/training_speed/run.py --environment FOLDER

FOLDER becomes a virtual environment on top of the one that runs this (the same torch and transformers for all), with TextBrewer,
torchdistill and what they need; without it compactor's own loops run alone. DistillKit is not on PyPI and is left out. Every contender is
a process of its own that waits for its turn; the turns go round, A B C A B C. One thread. Samples per second are told by wall time and by
CPU time, which stays put when other processes work; the share of the peak is that of a torch.mm of 1024 x 1024 in the same rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PEERS = (
    *("textbrewer==0.2.1.post1", "torchdistill==1.1.5", "accelerate", "torchvision", "pillow", "psutil", "scipy", "tqdm"),
    *("tensorboard", "absl-py", "grpcio", "protobuf", "markdown", "werkzeug", "tensorboard-data-server", "setuptools"),
)
OURS = {
    "compactor": "teacher kept, rows grouped by length, used pieces only",
    "compactor, teacher runs along": "without the kept answers",
    "compactor, bf16": "bf16 inside the layers, as `precision: auto` chooses where the processor has it; all other rows are fp32",
    "compactor, random batches": "without the length groups",
    "compactor, whole piece table": "without the row selection",
    "compactor, hidden states": "three states of the teacher are learned too, and were kept",
    "compactor, hidden states, teacher beside": "the same, computed at every step",
}
THEIRS = {
    "transformers.Trainer, padded": "every text padded to the longest of the set",
    "TextBrewer, padded": "the same",
    "torchdistill, padded": "the same",
    "transformers.Trainer": "random batches padded to their longest text",
    "TextBrewer": "the same",
    "torchdistill": "the same",
}
EPOCHS = 10  # over which the one pass of the teacher is spread


def main() -> None:
    """Prepare, take turns, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environment", type=Path, help="folder of the peers' environment; made if it is not there")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=os.environ.get("COMPACTOR_DATA"), help="folder with data/ and models/")
    arguments = parser.parse_args()
    peers = arguments.environment and make_environment(arguments.environment.absolute())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, HERE / "prepare.py", arguments.data, folder], check=True)
        workers = {each: Worker(sys.executable, "ours.py", folder, each) for each in OURS}
        workers |= {each: Worker(peers, "peers.py", folder, each) for each in THEIRS if peers}
        turns: dict[str, list[dict[str, float]]] = {each: [] for each in workers}
        for number in range(1 + arguments.rounds):  # the first warms up and does not count
            for each, worker in workers.items():
                seen = worker.turn()
                print(f"round {number} {each}: {seen}", file=sys.stderr, flush=True)
                turns[each] += [seen] if number else []
    print(table(turns))


def make_environment(folder: Path) -> Path:
    """Make the peers' environment over the present one; return its Python."""
    python = folder / "bin" / "python"
    if not python.exists():
        import numpy

        venv.create(folder, with_pip=True)
        (site,) = (folder / "lib").glob("python*/site-packages")
        (site / "zz_base.pth").write_text(f"{Path(numpy.__file__).parent.parent}\n")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", *PEERS], check=True)
    return python


class Worker:
    """A contender's process: a line in, a line of figures out."""

    def __init__(self, python: Path | str, script: str, folder: Path, name: str) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        command = [str(python), str(HERE / script), str(folder), name]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        self._answer("ready")

    def turn(self) -> dict[str, float]:
        """Let it train for a moment."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self._answer("samples")

    def _answer(self, key: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith('{"') and key in line:  # Trainer prints a line of its own
                return dict(json.loads(line))
        raise SystemExit(f"{self.process.args} ended: run it by hand to see why")


def table(turns: dict[str, list[dict[str, float]]]) -> str:
    """Return the figures as Markdown: medians over the rounds, lowest and highest in brackets."""
    peak = statistics.median(turn["peak_gflops"] for turn in turns["compactor"])
    teacher = statistics.median(turn["teacher_per_cpu_s"] for turn in turns["compactor"])
    first = _rates(turns["compactor"], "cpu_s")
    lines = [
        "| loop | samples per CPU second | per wall second | compactor is | padding | |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for name, about in {**OURS, **THEIRS}.items():
        if name not in turns:
            continue
        cpu, wall = _rates(turns[name], "cpu_s"), _rates(turns[name], "wall_s")
        ratio = statistics.median(one / other for one, other in zip(first, cpu, strict=True))
        padding = statistics.median(turn["padding"] for turn in turns[name])
        lines.append(f"| {name} | {_spread(cpu)} | {_spread(wall)} | {ratio:.2f}x | {padding:.0%} | {about} |")
    rate = statistics.median(first)
    whole = 1 / (1 / rate + 1 / (EPOCHS * teacher))
    done = statistics.median(turn["gflop"] / turn["cpu_s"] for turn in turns["compactor"])
    lines += [
        "",
        f"The teacher answers {teacher:.0f} texts per CPU second, once: over {EPOCHS} epochs compactor makes {whole:.0f} samples "
        f"per CPU second with that pass in it.",
        f"torch.mm reaches {peak:.1f} GFLOP/s on one thread; compactor's steps do {done:.1f} GFLOP/s in matrix products, "
        f"{done / peak:.0%}.",
    ]
    return "\n".join(lines)


def _rates(turns: list[dict[str, float]], key: str) -> list[float]:
    return [turn["samples"] / turn[key] for turn in turns]


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} [{min(values):.1f}, {max(values):.1f}]"


if __name__ == "__main__":
    main()
