"""kill -9 at random moments, then the same command: the same bytes at the end as without."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys

import pytest

from tests.end_to_end.conftest import Desk

SECONDS_TO_KILL = (0.5, 14.0)


def fingerprints(desk: Desk) -> dict[str, dict]:
    """Hash of every file of every stage of the run."""
    stages = sorted((desk.folder / "runs/tiny/stages").iterdir())
    return {stage.name: json.loads((stage / "artifact.json").read_text(encoding="utf-8"))["files"] for stage in stages}


def run_with_kills(desk: Desk, kills: int, seed: int) -> int:
    """Run the profile, killing it `kills` times; return how many kills hit a living process."""
    dice, hits = random.Random(seed), 0
    command = [sys.executable, "-m", "compactor", "run", "tiny.yaml", "--no-timing", "--threads", "1"]
    for _ in range(kills):
        process = subprocess.Popen(
            command,
            cwd=desk.folder,
            env=desk.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(timeout=dice.uniform(*SECONDS_TO_KILL))
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            hits += 1
    result = desk.compactor("run", "tiny.yaml", "--no-timing")
    assert result.returncode == 0, result.stderr
    return hits


@pytest.mark.model
def test_a_few_kills_change_no_byte(finished, desk):
    assert run_with_kills(desk, kills=3, seed=7) > 0
    assert fingerprints(desk) == fingerprints(finished)


@pytest.mark.slow
def test_thirty_kills_change_no_byte(finished, tmp_path):
    from tests.end_to_end.conftest import make_desk

    hits = 0
    for number in range(20):
        desk = make_desk(tmp_path / str(number))
        hits += run_with_kills(desk, kills=30 - hits, seed=number)
        assert fingerprints(desk) == fingerprints(finished), f"after {hits} kills"
        if hits >= 30:
            break
    assert hits >= 30
