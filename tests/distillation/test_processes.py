"""Several processes train as one: the same gradients, the same weights, and resumed bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.model

REPOSITORY = Path(__file__).parents[2]
TOGETHER = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone")
EVERY_STEP, NEVER = "1e-6", "1e6"


def start(folder: Path, *launcher: str, accumulate: int = 1, checkpoint_seconds: str = NEVER) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    words = ["-m", "tests.distillation.train_together", str(folder), str(accumulate), "adamw", checkpoint_seconds]
    return subprocess.Popen(
        [sys.executable, *launcher, *words],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], folder: Path) -> tuple[str, dict[str, Any]]:
    from safetensors.numpy import load_file

    said, complained = process.communicate()
    assert process.returncode == 0, complained
    return said, load_file(folder / "result.safetensors")


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """What two processes said and left."""
    folder = tmp_path_factory.mktemp("together")
    return finish(start(folder, *TOGETHER), folder)


def test_two_processes_give_the_gradients_and_weights_of_one(together: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    """With terms that count different things (rows, labelled rows, pieces), and a loss of the user's own file."""
    said, both = together
    _, alone = finish(start(tmp_path), tmp_path)
    assert "processes 2" in said
    assert both.keys() == alone.keys()
    assert np.abs(alone["gradient/model.classifier.weight"]).max() > 0.05
    for name, value in alone.items():
        # The bias of the keys shifts all scores alike and has no gradient; AdamW makes whole steps of what rounding leaves.
        if not name.endswith("key.bias"):
            np.testing.assert_allclose(both[name], value, atol=1e-6 if name.startswith("gradient/") else 1e-4, err_msg=name)


def test_two_processes_killed_and_started_again_end_with_the_same_bytes(
    together: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    process = start(tmp_path, *TOGETHER, checkpoint_seconds=EVERY_STEP)
    while process.poll() is None and not list(tmp_path.glob("checkpoints/step-*")):
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    said, again = finish(start(tmp_path, *TOGETHER, checkpoint_seconds=EVERY_STEP), tmp_path)
    assert "resumed 0" not in said
    assert all(np.array_equal(value, again[name]) for name, value in together[1].items() if name.startswith("weight/"))


def test_a_helper_whose_leader_has_ended_ends_too(tmp_path: Path) -> None:
    """More parts than rows are refused in process 0, before it hands anything to the other."""
    process = start(tmp_path, *TOGETHER, accumulate=17)
    _, complained = process.communicate()
    assert process.returncode != 0
    assert "accumulate 17 cuts 16 rows" in complained
