"""List the runs with their verdict, and how full the store is."""

from __future__ import annotations

import argparse

from compactor.cli._places import add_places, store_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compactor status`."""
    add_places(parser)
    parser.add_argument("--json", action="store_true", help="print the list as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print one line a run, and one for the store."""
    import json

    from compactor.pipeline.status import runs_status, store_status

    runs, store = runs_status(arguments.runs), store_status(store_folder(arguments))
    if arguments.json:
        print(json.dumps({"runs": runs, "store": store}, indent=2, ensure_ascii=False))
        return 0
    for entry in runs:
        print(f"{entry['name']:<28} {entry['state']:<14} {entry['told']}")
    if not runs:
        print(f"no runs in {arguments.runs}")
    print(f"store: {store['folders']} folders, {store['size_bytes'] / 1e6:.1f} MB in {store_folder(arguments)}")
    return 0
