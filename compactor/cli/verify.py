"""Prove that a bundle is whole and still answers as it did when built."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compactor verify`."""
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    parser.add_argument(
        "--provider", default=None, metavar="NAME", help="onnxruntime execution provider (default: the bundle's)"
    )
    parser.add_argument("--json", action="store_true", help="print the checks as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print each check; exit status 0 when all passed, 1 otherwise."""
    import json

    from compactor.base.errors import MissingError
    from compactor.bundle import verify

    if not arguments.bundle.is_dir():
        raise MissingError(
            "T201", f"there is no folder {arguments.bundle}", "give the folder of a bundle, the one with manifest.json"
        )
    found = verify(arguments.bundle, providers=[arguments.provider] if arguments.provider else None)
    if arguments.json:
        print(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
        return 0 if found.passed else 1
    words = {"passed": "ok", "failed": "FAILED", "skipped": "not tried"}
    for check in found.checks:
        print(f"{words[check.status]:<10} {check.name:<14} {check.sentence}")
    print(f"{arguments.bundle} {'answers as it did when built' if found.passed else 'is NOT the bundle that was built'}")
    return 0 if found.passed else 1
