"""Where runs and the store lie; options shared by the verbs that need them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def add_places(parser: argparse.ArgumentParser) -> None:
    """Declare `--runs` and `--store`."""
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="folder of the runs (default: runs)")
    parser.add_argument(
        "--store",
        type=Path,
        default=None,
        metavar="DIR",
        help="folder of the artifacts (default: $COMPACTOR_STORE, else RUNS/.store)",
    )


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Declare `--set`."""
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="override a setting: distill.train.epochs=1",
    )


def store_folder(arguments: argparse.Namespace) -> Path:
    """Return the folder of the store."""
    if arguments.store is not None:
        return Path(arguments.store)
    return Path(os.environ.get("COMPACTOR_STORE") or Path(arguments.runs) / ".store")
