"""How fast models are in the mean over real texts, and at their slowest: what counts where a model stops early for easy texts.

    python benchmarks/text_mix.py TEACHER A/bundle B/bundle --texts texts.txt --target benchmarks/compression/laptop.yml

Every text of the file, one a line, is answered alone and unpadded, by all models in turns; `compactor bench` repeats few texts often
instead, for a narrow median. The intervals of the means come from drawing the texts again.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from compactor.base.reporter import Reporter
from compactor.cli._bench_models import make_subjects, token_ids
from compactor.measuring.feeds import feeds_of_samples
from compactor.measuring.mix import measure_mix
from compactor.targets import load_target


def main() -> None:
    """Measure and print; models after the first are compared with the first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, help="ONNX folders or bundles")
    parser.add_argument("--texts", type=Path, required=True, help="one text a line")
    parser.add_argument("--target", required=True)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()
    texts = [line for line in arguments.texts.read_text(encoding="utf-8").splitlines() if line.strip()]
    subjects = make_subjects(arguments.models, {})
    feeds = {each.id: feeds_of_samples(token_ids(each, texts), inputs_of(each.model)) for each in subjects}
    found = measure_mix(subjects, feeds, load_target(arguments.target), reporter=Reporter())
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    first = found[subjects[0].id]["mean_ms"]
    print("| model | mean ms | 95 % interval | faster in the mean | p50 ms | p99 ms | CPU ms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, row in found.items():
        low, high = row["ci95_mean"]
        print(
            f"| {name} | {row['mean_ms']:.3f} | [{low:.3f}, {high:.3f}] | {first / row['mean_ms']:.1f}x | {row['p50']:.3f} "
            f"| {row['p99']:.3f} | {row['cpu_ms']:.3f} |"
        )


def inputs_of(model: Path) -> list[dict[str, object]]:
    """Return the names and types of a graph's inputs."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before the import, which else writes to the home folder
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    return [{"name": each.name, "type": each.type, "shape": each.shape} for each in session.get_inputs()]


if __name__ == "__main__":
    main()
