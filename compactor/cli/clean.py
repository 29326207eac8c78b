"""Free the artifacts that no run refers to; shows first what would go."""

from __future__ import annotations

import argparse
import sys

from compactor.cli._places import add_places, store_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compactor clean`."""
    add_places(parser)
    parser.add_argument("--yes", action="store_true", help="delete without asking")


def run(arguments: argparse.Namespace) -> int:
    """Print what no run refers to; delete it when the person says so, or with `--yes`."""
    from compactor.pipeline.clean import shared_warning, sweep, unused
    from compactor.pipeline.store import Store

    store, runs = Store(store_folder(arguments)), arguments.runs
    warning = shared_warning(store, runs)
    found = unused(store, runs)
    for entry in found:
        print(f"{entry.folder.name[:12]}  {entry.what:<18} {entry.size_bytes / 1e6:8.1f} MB")
    if not found:
        print("nothing to free: every artifact is in use by a run")
        return 0
    if warning:
        print(f"warning: {warning}", file=sys.stderr)
    total = sum(entry.size_bytes for entry in found) / 1e6
    if not arguments.yes:
        if not sys.stdin.isatty():
            print(f"{total:.1f} MB could be freed: compactor clean --yes")
            return 0
        if not _agreed(f"delete these {len(found)} folders ({total:.1f} MB)? [y/N] "):
            return 0
    print(f"{sweep(store, runs, found) / 1e6:.1f} MB freed")
    return 0


def _agreed(question: str) -> bool:
    """Ask; nothing but a plain yes is one, and Ctrl-D is a no."""
    try:
        return input(question).strip().lower() == "y"
    except EOFError:
        print()
        return False
