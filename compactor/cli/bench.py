"""Time ONNX models or bundles against each other on this machine: interleaved, with intervals and a noise verdict."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from compactor.measuring.evidence import ThisMachine
    from compactor.measuring.latency import Measured, Subject
    from compactor.targets import Target

SCHEMA = "compactor.bench/1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compactor bench`."""
    parser.add_argument(
        "models", nargs="+", type=Path, metavar="MODEL", help="an ONNX file, a folder with model.onnx, or a bundle"
    )
    parser.add_argument(
        "--target", default="host", help="a shipped target or a YAML file: threads, batches, lengths (default: host)"
    )
    parser.add_argument(
        "--texts", type=Path, metavar="FILE", help="texts of real length, one a line; needs the model's tokenizer.json"
    )
    parser.add_argument(
        "--shape",
        action="append",
        default=[],
        metavar="NAME=1,3,224,224",
        help="shape of an input whose size cannot be guessed",
    )
    parser.add_argument("--quick", action="store_true", help="fewer cells and fewer runs")
    parser.add_argument("--seconds", type=float, metavar="S", help="time to spend on timed runs (default: 50, quick 10)")
    parser.add_argument("--raw", type=Path, metavar="DIR", help="keep the raw values here")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; models after the first are compared with the first."""
    import json
    import tempfile

    from compactor.cli._bench_table import print_table
    from compactor.cli.say import TerminalReporter
    from compactor.measuring.latency import measure

    target = _target(arguments.target)
    shapes = dict(_shape(given) for given in arguments.shape)
    subjects = [_subject(path, name, shapes) for path, name in zip(arguments.models, _names(arguments.models), strict=True)]
    samples = {subject.id: _samples(subject, arguments.texts) for subject in subjects} if arguments.texts else None
    with tempfile.TemporaryDirectory(prefix="compactor-bench-") as scratch:
        measured = measure(
            subjects,
            target,
            folder_for_raw=arguments.raw or Path(scratch),
            reporter=TerminalReporter(),
            samples=samples,
            quick=arguments.quick,
            seconds=arguments.seconds,
        )
        result = _result(
            subjects, arguments.models, measured, target, arguments.raw or Path(scratch), kept=arguments.raw is not None
        )
    if arguments.json:
        print(json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print_table(result)
    return 0


def _target(name: str) -> Target | ThisMachine:
    """Read the target; the host needs neither YAML nor pydantic, so that a board without the toolchain can measure."""
    if name == "host":
        from compactor.measuring.evidence import ThisMachine

        return ThisMachine()
    from compactor.targets import load_target

    return load_target(name)


def _names(paths: list[Path]) -> list[str]:
    """Return short names that tell the models apart."""
    absolute = [path.absolute() for path in paths]
    for depth in range(1, 1 + max(len(path.parts) for path in absolute)):
        names = ["/".join(path.parts[-depth:]) for path in absolute]
        if len(set(names)) == len(names):
            return names
    return [f"{number} {path.name}" for number, path in enumerate(absolute, start=1)]


def _subject(path: Path, name: str, shapes: dict[str, list[int]]) -> Subject:
    from compactor.base.atomic import read_json
    from compactor.measuring.latency import Subject
    from compactor.measuring.size import model_file

    model = model_file(path)
    described: dict[str, Any] = {}
    for file in ("config.json", "manifest.json", "interface.json"):
        found = _beside(model, file)
        if found is not None:
            described |= read_json(found)
    tokens = described.get("vocab_size")
    return Subject(name, model, described, shapes, tokens if isinstance(tokens, int) else 2)


def _beside(model: Path, name: str) -> Path | None:
    """Find a file that belongs to a model: in its folder, or above the `onnx` folder of a bundle."""
    folders = [model.parent, model.parent.parent] if model.parent.name == "onnx" else [model.parent]
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _samples(subject: Subject, texts: Path) -> list[np.ndarray]:
    """Turn the texts of a file into token ids with the model's own tokenizer; 64 of them, with the lengths of all."""
    import numpy as np
    from tokenizers import Tokenizer

    from compactor.base.errors import MissingError
    from compactor.measuring.feeds import choose_rows

    file = _beside(subject.model, "tokenizer.json")
    if file is None:
        raise MissingError("M108", f"{subject.id} has no tokenizer.json beside it", "leave --texts out, or give a bundle")
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    lines = [line for line in texts.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines:
        raise MissingError("M109", f"{texts} holds no text", "give a file with one text a line")
    longest = subject.interface.get("max_length")
    # Chosen by characters, so that models with other tokenizers answer the same texts.
    rows = choose_rows(np.array([len(line) for line in lines]))
    return [np.array(tokenizer.encode(lines[row]).ids[:longest], dtype=np.int64) for row in rows]


def _shape(given: str) -> tuple[str, list[int]]:
    from compactor.base.errors import Problem, ProfileError

    name, _, sizes = given.rpartition("=")
    try:
        shape = [int(size) for size in sizes.split(",")]
    except ValueError:
        shape = []
    if not name or not shape or min(shape) < 1:
        problem = Problem("M131", f"--shape {given} is not understood", "write --shape NAME=1,3,224,224")
        raise ProfileError([problem])
    return name, shape


def _result(
    subjects: list[Subject],
    paths: list[Path],
    measured: dict[str, Measured],
    target: Target | ThisMachine,
    raw: Path,
    *,
    kept: bool,
) -> dict[str, Any]:
    from compactor.base.environment import machine, versions
    from compactor.measuring.latency import ratio
    from compactor.measuring.size import size_bytes

    first = measured[subjects[0].id]
    models = {}
    for subject, path in zip(subjects, paths, strict=True):
        each = measured[subject.id].as_dict()
        each["path"] = str(path)
        each["size_bytes"] = size_bytes(path) if path.is_dir() else path.stat().st_size
        for row in each["latency_ms"] or []:
            same = [
                other for other in first.latency_ms or [] if (other["batch"], other["length"]) == (row["batch"], row["length"])
            ]
            row["times_faster_than_first"] = None
            if same and subject.id != subjects[0].id:
                value, ends = ratio(raw.parent / same[0]["raw"], raw.parent / row["raw"])
                row["times_faster_than_first"] = {"ratio": value, "ci95": list(ends)}
        for row in each["latency_ms"] or []:
            row["raw"] = row["raw"] if kept else None
        models[subject.id] = each
    return {
        "schema": SCHEMA,
        "target": target.name,
        "evidence": first.evidence,
        "machine": machine(),
        "versions": versions(("onnxruntime", "numpy")),
        "self_test": first.aa,
        "models": models,
    }
