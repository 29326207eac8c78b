"""A brief command stays brief: what it imports is held here, since a time would depend on the machine."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from compactor.cli import main as command
from compactor.distillation.losses import LOSSES
from compactor.stages import STAGES

ROOT = Path(__file__).parent.parent
# Modules of our own that checking the quickstart may import; each costs a millisecond or more of the 0.3 s that a check may take.
MOST_MODULES = 100
# The hall's workshop: needed to plan or to run, not to check.
WORKSHOP = {
    f"compactor.pipeline.{name}" for name in ("chain", "controls", "execute", "plan", "publish", "run", "store", "timing")
}
# Slow to import, and of no use to a check that finds nothing wrong.
LATER = {
    "rich",
    "jinja2",
    "difflib",
    "importlib.metadata",
    "multiprocessing",
    "asyncio",
    "urllib.request",
    "concurrent.futures",
}


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> set[str]:
    """What `compactor validate profiles/quickstart.yaml` imports, in a process of its own."""
    code = (
        "import json, sys\n"
        "sys.argv = ['compactor', 'validate', 'profiles/quickstart.yaml']\n"
        "from compactor.cli.main import main\n"
        "assert main() == 0\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    environment = {**os.environ, "HOME": str(tmp_path_factory.mktemp("home"))}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_a_check_imports_few_modules(imported):
    ours = sorted(name for name in imported if name.startswith("compactor"))
    assert len(ours) <= MOST_MODULES, ours


def test_a_check_imports_only_the_stages_and_losses_that_the_profile_names(imported):
    named = {"teacher", "distill", "prune", "export", "quantize", "package"}
    assert {name for name in STAGES.names() if f"compactor.stages.{name}" in imported} == named
    assert {name for name in LOSSES.names() if f"compactor.distillation.losses.{name}" in imported} == {
        "hinton",
        "cross_entropy",
    }


def test_a_check_leaves_the_workshop_and_slow_packages_alone(imported):
    assert not imported & (WORKSHOP | LATER)


def test_a_brief_command_looks_for_no_plugins_of_pydantic(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["compactor", "targets"])
    monkeypatch.setenv("PYDANTIC_DISABLE_PLUGINS", "")  # so that what the command sets is taken back
    monkeypatch.delenv("PYDANTIC_DISABLE_PLUGINS")
    monkeypatch.setattr(gc, "disable", lambda: None)  # this process goes on
    monkeypatch.setattr(gc, "freeze", lambda: None)
    assert command.main() == 0
    assert os.environ["PYDANTIC_DISABLE_PLUGINS"] == "__all__"
    assert "laptop-cpu" in capsys.readouterr().out


def test_verbs_that_work_collect_garbage():
    assert not command.BRIEF & {"run", "bench", "try", "verify", "doctor"}
    assert command.BRIEF - {None} <= set(command.verbs())


def test_main_called_from_python_leaves_the_process_as_it_is(capsys):
    assert command.main(["targets"]) == 0
    assert gc.isenabled()
    assert capsys.readouterr().out
