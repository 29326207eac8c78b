"""Show two runs side by side, and fail a job when the second is worse than it may be."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compactor compare`."""
    parser.add_argument("first", metavar="RUN", help="the run to hold against: a run folder, or a name below --runs")
    parser.add_argument("second", metavar="RUN", help="the run in question")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="folder of the runs (default: runs)")
    parser.add_argument(
        "--fail-if",
        action="append",
        default=[],
        metavar="CONDITION",
        help="exit 3 when it holds for the packaged models; latency_ms>+5%%, size_mb>+0.5, accuracy<-0.5pt; repeatable",
    )
    parser.add_argument("--anyway", action="store_true", help="compare times even of other machines, targets or threads")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison; exit status 0, 2 when the runs or a condition are not comparable, 3 when a condition holds."""
    import json

    from compactor.report import compare
    from compactor.report.comparison_text import comparison_text
    from compactor.report.gates import parse_gate
    from compactor.report.reading import find_run

    gates = [parse_gate(text) for text in arguments.fail_if]
    folders = [find_run(name, arguments.runs) for name in (arguments.first, arguments.second)]
    comparison = compare(*folders, anyway=arguments.anyway)
    tripped = [told for gate in gates if (told := gate.trips(comparison.selected))]
    if arguments.json:
        print(json.dumps({**comparison.as_dict(), "failed": tripped}, indent=2, ensure_ascii=False))
    else:
        print(comparison_text(comparison))
    for told in tripped:
        print(f"failed: {told}", file=sys.stderr)
    return 3 if tripped else 0
