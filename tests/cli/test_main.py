"""Exit status and words of every way a command can end."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

import compactor as package
from compactor.base.errors import MissingError, Place, Problem, ProfileError, StageError
from compactor.cli import main as door


@pytest.fixture
def verb(monkeypatch):
    """Make `status` do what a test says, without any file."""

    def does(action):
        module = SimpleNamespace(add_arguments=lambda parser: None, run=lambda arguments: action())
        monkeypatch.setattr(door.importlib, "import_module", lambda name: module)

    return does


def raising(error):
    def action():
        raise error

    return action


def test_help_lists_every_verb_with_its_line(compactor):
    status, out, _ = compactor("--help")
    assert status == 0
    for verb in door.verbs():
        assert f"\n    {verb}" in out
        assert door.help_line(verb).split()[0] in out
    assert {"init", "doctor", "validate", "schema", "plan", "run", "status", "clean"} <= set(door.verbs())


def test_no_verb_shows_the_help(compactor):
    assert compactor()[1] == compactor("--help")[1]


def test_version(compactor):
    assert compactor("--version")[:2] == (0, f"compactor {package.__version__}\n")


def test_a_misspelt_verb(compactor):
    status, _, err = compactor("valdate", "x.yaml")
    assert status == 2
    assert "there is no verb 'valdate' (did you mean 'validate'?)" in err


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (StageError("L1", "the loss is NaN", "lower learning_rate"), 1, "L1: the loss is NaN (lower learning_rate)\n"),
        (MissingError("D121", "the hub is needed", "add --online"), 4, "D121: the hub is needed (add --online)\n"),
        (
            ProfileError([Problem("P2", "second", "", Place("p", 2, 1)), Problem("P1", "first", "", Place("p", 1, 1, "x"))]),
            2,
            "p:1:1: P1: first\n    x\n    ^\np:2:1: P2: second\n2 problems\n",
        ),
        (KeyboardInterrupt(), 130, "\nstopped\n"),
        (
            ModuleNotFoundError("No module named 'torch'", name="torch"),
            4,
            'R401: the package torch is not installed (pip install "compactor[toolchain]")\n',
        ),
        (
            ModuleNotFoundError("x", name="onnxruntime.capi"),
            4,
            'R401: the package onnxruntime is not installed (pip install "compactor")\n',
        ),
        (
            ModuleNotFoundError("x", name="datasets"),
            4,
            'R401: the package datasets is not installed (pip install "compactor[hub]")\n',
        ),
        (ModuleNotFoundError("x", name="mine"), 4, "R401: the package mine is not installed (pip install mine)\n"),
        (PermissionError(13, "Permission denied", "runs/x"), 1, "R102: cannot write runs/x: Permission denied"),
        (OSError(28, "No space left on device", "runs/x"), 1, "R101: the disk is full while writing runs/x"),
        (MemoryError(), 1, "R103: the memory is full"),
        (ValueError("odd"), 1, "internal error: ValueError: odd; run the same command with --debug to see where\n"),
        (
            ModuleNotFoundError("No module named 'compactor.gone'", name="compactor.gone"),
            1,
            "internal error: ModuleNotFoundError",
        ),
    ],
)
def test_every_failure_is_one_clear_text(compactor, verb, error, status, words):
    verb(raising(error))
    got, out, err = compactor("status")
    assert got == status
    assert err.startswith(words)
    assert "Traceback" not in err
    assert out == ""


def test_debug_shows_where(compactor, verb):
    verb(raising(ValueError("odd")))
    for arguments in (("--debug", "status"), ("status", "--debug")):
        status, _, err = compactor(*arguments)
        assert status == 1
        assert "Traceback" in err
        assert err.endswith("internal error: ValueError: odd\n")


def test_python_dash_m_is_the_command():
    done = subprocess.run([sys.executable, "-m", "compactor", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"compactor {package.__version__}\n"


def test_a_pipe_that_is_closed_early_is_quiet():
    code = "import sys; from compactor.cli.main import main; sys.exit(main(['schema']))"
    command = f'{sys.executable} -c "{code}" | head -c 10'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert len(done.stdout) == 10
    assert done.stderr == ""


def test_only_a_run_that_is_stopped_goes_on(compactor, verb):
    verb(raising(KeyboardInterrupt()))
    assert compactor("run") == (130, "", "\nstopped; the same command continues\n")
    assert compactor("clean") == (130, "", "\nstopped\n")
