"""Time ONNX models or bundles against each other, here or on another machine: interleaved, with intervals and a noise verdict."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.cli._numbers import count, seconds

if TYPE_CHECKING:
    from compactor.measuring.evidence import ThisMachine
    from compactor.measuring.latency import Measured, Subject
    from compactor.measuring.runners import Runner
    from compactor.targets import Target

SCHEMA = "compactor.bench/1"
SCENARIOS = ("single-stream", "multi-stream", "offline", "changing-lengths")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compactor bench`."""
    from compactor.cli._bench_elsewhere import add_elsewhere

    add = parser.add_argument
    add("models", nargs="+", type=Path, metavar="MODEL", help="an ONNX file, a folder with model.onnx, or a bundle")
    add("--target", default="host", help="a shipped target or a YAML file: threads, batches, lengths (default: host)")
    add("--texts", type=Path, metavar="FILE", help="texts of real length, one a line; needs the model's tokenizer.json")
    add(
        "--shape",
        action="append",
        default=[],
        metavar="NAME=1,3,224,224",
        help="shape of an input, or size of a free dimension, that cannot be guessed",
    )
    add("--scenario", choices=SCENARIOS, help="only the cells of one of MLPerf's scenarios, or of texts of changing lengths")
    add("--workers", type=count, default=0, metavar="N", help="throughput of 1, 2, ... N processes side by side, and energy")
    add("--sweep", action="store_true", help="try session options on the last model: threads, graph level, spinning, arena")
    add("--write", action="store_true", help="with --sweep: write the best options into the bundle's manifest")
    add("--quick", action="store_true", help="fewer cells and fewer runs")
    add("--seconds", type=seconds, metavar="S", help="time to spend on timed runs (default: 50, quick 10)")
    add("--raw", type=Path, metavar="DIR", help="keep the raw values here")
    add("--json", action="store_true", help="print the result as JSON")
    add_elsewhere(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; models after the first are compared with the first."""
    import tempfile

    from compactor.cli._bench_elsewhere import answers_elsewhere, finish
    from compactor.cli._bench_models import make_subjects, parse_shape, read_texts, token_ids
    from compactor.cli.say import TerminalReporter
    from compactor.measuring.latency import measure
    from compactor.measuring.runners import open_runner

    target = _target(arguments.target)
    runner = open_runner(arguments.via, target, wheels=arguments.wheels)
    _check(arguments)
    subjects = make_subjects(arguments.models, dict(parse_shape(given) for given in arguments.shape))
    texts = read_texts(arguments.texts) if arguments.texts else None
    samples = {subject.id: token_ids(subject, texts) for subject in subjects} if texts else None
    with tempfile.TemporaryDirectory(prefix="compactor-bench-") as scratch, runner:
        _check_there(arguments, target, runner)
        raw = (arguments.raw or Path(scratch)).resolve()  # `.` has no name, which a row's path of its raw values begins with
        measured = measure(
            subjects,
            target,
            folder_for_raw=raw,
            reporter=TerminalReporter(),
            samples=samples,
            texts=texts,
            quick=arguments.quick,
            seconds=arguments.seconds,
            workers=arguments.workers,
            scenario=arguments.scenario,
            runner=runner,
        )
        result = _result(subjects, arguments.models, measured, target, raw, runner, kept=arguments.raw is not None)
        records = answers_elsewhere(subjects, target, runner, measured, samples)
        if arguments.sweep:
            result["sweep"] = _sweep(subjects[-1], target, samples, runner, write=arguments.write)
    _print(result, records, as_json=arguments.json)
    finish(arguments, records)
    return 0


def _print(result: dict[str, Any], records: dict[str, dict[str, Any]], *, as_json: bool) -> None:
    """Print the result, with what was answered elsewhere in it."""
    import json

    from compactor.cli._bench_table import print_table

    for name, each in records.items():
        result["models"][name]["answers"] = each["answers"]
        if each["answers"]:
            result["versions"]["onnxruntime"] = each["answers"]["onnxruntime"][1]
    if as_json:
        print(json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print_table(result)


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be done before anything is timed."""
    from compactor.base.errors import Problem, ProfileError
    from compactor.cli._bench_elsewhere import folder_to_add_to
    from compactor.cli._bench_models import beside
    from compactor.measuring.size import model_file

    if arguments.write and not arguments.sweep:
        raise ProfileError([Problem("M132", "--write has nothing to write", "give --sweep too")])
    if arguments.add_to:
        folder_to_add_to(arguments.add_to)
    last = arguments.models[-1]
    if arguments.write and (not last.is_dir() or beside(model_file(last), "manifest.json") is None):
        raise ProfileError([Problem("M133", f"{last} is no bundle, its options cannot be written", "leave --write out")])


def _check_there(arguments: argparse.Namespace, target: Target | ThisMachine, runner: Runner) -> None:
    """Refuse what only the open way can tell: session options that nothing would be timed with."""
    from compactor.measuring.sweep import refuse_untimed

    if arguments.sweep:
        refuse_untimed(target, runner)


def _target(name: str) -> Target | ThisMachine:
    """Read the target; the host needs neither YAML nor pydantic, so that a board without the toolchain can measure."""
    if name == "host":
        from compactor.measuring.evidence import ThisMachine

        return ThisMachine()
    from compactor.targets import load_target

    return load_target(name)


def _sweep(
    subject: Subject, target: Target | ThisMachine, samples: dict[str, Any] | None, runner: Runner, *, write: bool
) -> dict[str, Any]:
    """Try the session options of one model; put the best into its manifest if that is wanted."""
    from compactor.base.atomic import read_json, write_json
    from compactor.cli._bench_models import beside
    from compactor.cli.say import TerminalReporter
    from compactor.measuring.sweep import sweep

    reporter = TerminalReporter()
    swept = sweep(subject, target, reporter=reporter, samples=samples[subject.id] if samples else None, runner=runner)
    for finding in swept.findings:
        reporter.finding(finding)
    manifest = beside(subject.model, "manifest.json") if write else None
    if manifest is not None:
        write_json(manifest, {**read_json(manifest), "session": swept.session_block()})
    return {
        "model": subject.id,
        "best": swept.best,
        "steps": swept.steps,
        "measured_on": swept.measured_on,
        "written": manifest is not None,
    }


def _result(
    subjects: list[Subject],
    paths: list[Path],
    measured: dict[str, Measured],
    target: Target | ThisMachine,
    raw: Path,
    runner: Runner,
    *,
    kept: bool,
) -> dict[str, Any]:
    from compactor.cli._bench_elsewhere import via_of
    from compactor.measuring.size import size_bytes

    first = measured[subjects[0].id]
    models = {}
    for subject, path in zip(subjects, paths, strict=True):
        each = measured[subject.id].as_dict()
        each["path"] = str(path)
        each["size_bytes"] = size_bytes(path)
        for row in [*(each["latency_ms"] or []), *([each["end_to_end_ms"]] if each["end_to_end_ms"] else [])]:
            row["times_faster_than_first"] = _faster(first, row, raw) if subject.id != subjects[0].id else None
        models[subject.id] = each
    for each in models.values():
        for row in [*(each["latency_ms"] or []), *([each["end_to_end_ms"]] if each["end_to_end_ms"] else [])]:
            row["raw"] = row["raw"] if kept else None
    return {
        "schema": SCHEMA,
        "target": target.name,
        "evidence": first.evidence,
        "via": via_of(runner),
        "place": runner.place_name,
        "machine": runner.machine(),
        "versions": _versions(first),
        "self_test": first.aa,
        "models": models,
    }


def _versions(measured: Measured) -> dict[str, str]:
    """Return what is installed here; of onnxruntime what the worker told, else the version of whichever package brings it."""
    from compactor.base.environment import RUNTIMES, versions

    found = versions((*RUNTIMES, "numpy"))
    brought = next((found[name] for name in RUNTIMES if name in found), "unknown")
    return {**found, "onnxruntime": str(measured.conditions.get("onnxruntime") or brought)}


def _faster(first: Measured, row: dict[str, Any], raw: Path) -> dict[str, Any] | None:
    """Return how many times faster a row is than that of the first model in the same cell."""
    from compactor.measuring.latency import ratio

    others = [*(first.latency_ms or []), *([first.end_to_end_ms] if first.end_to_end_ms else [])]
    same = [other for other in others if (other["batch"], other["length"]) == (row["batch"], row["length"])]
    if not same:
        return None
    value, ends = ratio(raw.parent / same[0]["raw"], raw.parent / row["raw"])
    return {"ratio": value, "ci95": list(ends)}
