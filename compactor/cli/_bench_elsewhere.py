"""`compactor bench --via`: measure where a runner leads, compare the answers with those given here, add the rows to a run's report."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from compactor.measuring.evidence import ThisMachine
    from compactor.measuring.latency import Measured, Subject
    from compactor.measuring.runners import Runner
    from compactor.targets import Target


def add_elsewhere(parser: argparse.ArgumentParser) -> None:
    """Declare the options that lead to another machine."""
    parser.add_argument(
        "--via",
        default="local",
        metavar="WAY",
        help="where to measure: local, ssh (the target's host), ssh:user@host[:port], emulated, docker:IMAGE, browser (default: local)",
    )
    parser.add_argument(
        "--wheels", type=Path, metavar="DIR", help="with ssh: packages to bring along for a board without network"
    )
    parser.add_argument("--add-to", metavar="RUN", help="add what was measured to the report of this run")


def answers_elsewhere(
    subjects: list[Subject],
    target: Target | ThisMachine,
    runner: Runner,
    measured: dict[str, Measured],
    samples: dict[str, list[np.ndarray]] | None,
) -> dict[str, dict[str, Any]]:
    """Return a record of each model for a report; its `answers` were compared with those of this machine where it is another."""
    from compactor.measuring.answers_there import same_answers
    from compactor.measuring.elsewhere import record

    found = {}
    for subject in subjects:
        each = measured[subject.id]
        agreement = None
        if runner.kind != "local" and each.evidence is not None:
            agreement = same_answers(subject, target, runner, samples=samples[subject.id] if samples else None)
        found[subject.id] = record(subject, target, runner, via_of(runner), each, agreement)
    return found


def via_of(runner: Runner) -> str:
    """Name the way as reports do: with the host or image, without the port."""
    return f"{runner.kind}:{runner.place_name.rpartition(' ')[2]}" if runner.kind in ("ssh", "docker") else runner.kind


def answer_line(answers: dict[str, Any]) -> str:
    """Return one sentence about an agreement."""
    word = "the same answers as here" if answers["passed"] else "OTHER ANSWERS THAN HERE"
    largest = answers["largest_difference"]
    differs = "some are no numbers, or have another shape" if largest is None else f"largest difference {largest:.2g}"
    figures = [differs, f"least cosine {answers['smallest_cosine']:.4f}"]
    if answers["same_label"] is not None:
        figures.append(f"same label in {answers['same_label']:.1%} of {answers['clear']} clear cases")
    if answers["metric"]:
        metric = answers["metric"]
        figures.append(f"{metric['name']} {metric['there']:.4f}, here {metric['here']:.4f}")
    some = (
        f"{answers['compared']} of {answers['given']} inputs"
        if answers["compared"] < answers["given"]
        else f"{answers['given']} inputs"
    )
    return f"{word} ({answers['tolerance']}): {', '.join(figures)}; {some}"


def folder_to_add_to(name: str) -> Path:
    """Return the folder of the run that measurements are added to.

    Raises:
        MissingError: R120, there is no such run, or it has no report yet.
        CompactorError: R121 or R122, its report cannot be read.
    """
    from compactor.report.reading import find_run, read_report, report_file

    file = report_file(find_run(name, Path("runs")))
    read_report(file)
    return file.parent


def finish(arguments: argparse.Namespace, records: dict[str, dict[str, Any]]) -> None:
    """Add the records to a run if that is wanted; then refuse answers that are not the same.

    Raises:
        StageError: M225, a model answers differently there.
    """
    from compactor.base.errors import StageError

    if arguments.add_to:
        from compactor.pipeline.elsewhere import add_to_report
        from compactor.report import write

        folder = folder_to_add_to(arguments.add_to)
        add_to_report(folder, list(records.values()))
        write(folder)
    wrong = [name for name, each in records.items() if each["answers"] and not each["answers"]["passed"]]
    if wrong:
        place = records[wrong[0]]["place"]
        raise StageError(
            "M225",
            f"{', '.join(wrong)} answers differently on {place}",
            "compare the versions of onnxruntime; try another precision",
        )
