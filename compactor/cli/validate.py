"""Check profiles: every mistake with its line and column, before anything heavy is loaded."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.cli._places import add_overrides

if TYPE_CHECKING:
    from compactor.base.errors import Problem


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compactor validate`."""
    parser.add_argument("profiles", type=Path, nargs="+", metavar="PROFILE", help="a profile YAML")
    add_overrides(parser)
    parser.add_argument("--no-files", dest="files", action="store_false", help="do not look whether data and models are there")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print `ok` or the problems of each profile; exit status 2 if any has one."""
    from compactor.base.errors import ProfileError
    from compactor.pipeline.profile import load_profile

    results: list[dict[str, Any]] = []
    for path in arguments.profiles:
        try:
            profile = load_profile(path, arguments.overrides, check_files=arguments.files)
        except ProfileError as error:
            results.append({"profile": str(path), "ok": False, "problems": [_plain(problem) for problem in error.problems]})
            if not arguments.json:
                print(error, file=sys.stderr)
        else:
            results.append({"profile": str(path), "ok": True, "problems": []})
            if not arguments.json:
                chain = " > ".join(step.label for step in profile.steps)
                print(f"ok  {path}: {profile.task.name} on {profile.target.name}: {chain}")
    if arguments.json:
        import json

        print(json.dumps(results, indent=2, ensure_ascii=False))
    wrong = [result for result in results if not result["ok"]]
    if wrong and not arguments.json:
        count = sum(len(result["problems"]) for result in wrong)
        print(f"{count} problem{'s' if count > 1 else ''} in {len(wrong)} of {len(results)} profiles", file=sys.stderr)
    return 2 if wrong else 0


def _plain(problem: Problem) -> dict[str, Any]:
    place = problem.place
    where = {"file": place.file, "line": place.line, "column": place.column} if place else {}
    return {"code": problem.code, "sentence": problem.sentence, "hint": problem.hint, **where}
