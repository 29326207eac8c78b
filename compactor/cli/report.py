"""Make the pages of a finished run again from its report.json: HTML, Markdown, CSV; nothing is measured."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compactor report`."""
    parser.add_argument("run_folder", metavar="RUN", help="a run folder, or a name below --runs")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="folder of the runs (default: runs)")
    parser.add_argument("--open", choices=("yes", "no"), default="no", help="show report.html in the browser (default: no)")


def run(arguments: argparse.Namespace) -> int:
    """Write the pages and print their paths."""
    from compactor.report import write
    from compactor.report.reading import find_run

    written = write(find_run(arguments.run_folder, arguments.runs))
    for path in written:
        print(path)
    if arguments.open == "yes":
        import webbrowser

        webbrowser.open(written[0].resolve().as_uri())
    return 0
