"""`compactor targets calibrate`: times small models on a device and writes its target with the constants that estimates need."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

BLOCK = re.compile(r"^calibration:.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def run_calibrate(arguments: argparse.Namespace) -> int:
    """Calibrate a target where `--via` leads, and print or write its YAML."""
    import sys

    from compactor.base.atomic import write_text
    from compactor.cli.say import TerminalReporter
    from compactor.measuring.estimate.calibrate import calibrate
    from compactor.measuring.runners import open_runner
    from compactor.targets import load_target

    name = arguments.target or "host"
    target = load_target(name)
    found = calibrate(target, open_runner(arguments.via, target), TerminalReporter())
    text = with_calibration(name, found)
    if arguments.output is None:
        print(text, end="")
        return 0
    write_text(arguments.output, text)
    error = 100 * found["worst_error"]
    told = f"{arguments.output} holds the constants of {found['machine']}; its own small models are explained to {error:.0f} % at worst"
    print(told, file=sys.stderr)
    return 0


def with_calibration(name: str, found: dict[str, Any]) -> str:
    """Return the YAML of a target with constants: a user's own file with its block replaced, or one that stands on a shipped target."""
    if name.endswith((".yaml", ".yml")):
        before = BLOCK.sub("", Path(name).read_text(encoding="utf-8")).rstrip("\n")
    else:
        before = f"name: {name}-calibrated\nsame_as: {name}"
    return f"{before}\n{_block(found)}"


def _block(found: dict[str, Any]) -> str:
    import json

    lines = [
        "calibration:    # made by `compactor targets calibrate`; take it anew after a change of machine, threads or onnxruntime"
    ]
    for name, value in found.items():
        if isinstance(value, dict):
            lines += [f"  {name}:", *(f"    {unit}: {each!r}" for unit, each in value.items())]
        else:
            lines.append(f"  {name}: {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"
