"""Writes the pages of a run beside its report.json."""

from __future__ import annotations

from pathlib import Path

from compactor.base.atomic import write_text
from compactor.report.csv_table import csv_table
from compactor.report.html import page
from compactor.report.markdown import markdown
from compactor.report.reading import read_report, report_file


def write(run_folder: Path) -> list[Path]:
    """Write report.html, report.md and report.csv from the run's report.json; return their paths.

    Raises:
        MissingError: R120, there is no report.json.
        CompactorError: R121 or R122, it cannot be read.
    """
    source = report_file(run_folder)
    report = read_report(source)
    texts = {"report.html": page(report), "report.md": markdown(report), "report.csv": csv_table(report)}
    written = []
    for name, text in texts.items():
        write_text(source.parent / name, text)
        written.append(source.parent / name)
    return written
