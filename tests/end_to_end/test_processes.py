"""A run started as several processes by torchrun."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.model


def test_two_processes_run_one_profile(desk):
    """One reads, writes and answers; both train."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, "-m", "compactor", "run", "tiny.yaml", "--to", "prune", "--threads", "2"]
    done = subprocess.run(
        [sys.executable, *command], cwd=desk.folder, env=desk.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("[2/6] distill") == 1
    for stage in ("teacher", "distill", "prune"):
        facts = json.loads((desk.folder / "runs/tiny/stages" / stage / "artifact.json").read_text())["facts"]
        assert facts["training"]["processes"] == 2
        assert facts["training"]["validation"][-1]["value"] > 0.9
