"""Every method has a shipped profile, and each profile runs from its first stage to the report."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from compactor.distillation.losses import LOSSES
from compactor.pipeline.profile import load_profile
from tests.conftest import DATA
from tests.end_to_end.conftest import Desk

METHODS = sorted((Path(__file__).parents[2] / "profiles" / "methods").glob("*.yaml"))
ROWS = 300  # enough for each class to have some, few enough for a minute


def losses_of(settings: Any) -> set[str]:
    """Return the names of all losses that stand anywhere in settings."""
    if isinstance(settings, dict):
        inner = set().union(*(losses_of(value) for name, value in settings.items() if name != "losses"), set())
        listed = settings.get("losses") or ()
        return inner | {name for term in listed if isinstance(term, dict) for name in term}
    return set().union(*map(losses_of, settings), set()) if isinstance(settings, (list, tuple)) else set()


def test_every_loss_stands_in_a_profile() -> None:
    used = set()
    for path in METHODS:
        profile = load_profile(path, check_files=False)
        used |= set().union(*(losses_of(step.stage.model_dump(mode="json")) for step in profile.steps))
    assert set(LOSSES.names()) <= used, f"no profile in profiles/methods uses {sorted(set(LOSSES.names()) - used)}"


@pytest.mark.parametrize("path", METHODS, ids=lambda path: path.stem)
def test_a_profile_says_what_it_shows(path: Path) -> None:
    head = path.read_text(encoding="utf-8").split("name:")[0]
    assert head.startswith("# "), "a comment says what the method is and where it comes from"
    assert f"compactor run profiles/methods/{path.name}" in head


@pytest.fixture(scope="session")
def methods(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk whose store is shared, so that the teacher is made once for all."""
    folder = tmp_path_factory.mktemp("methods")
    return Desk(folder)


@pytest.mark.slow
@pytest.mark.parametrize("path", METHODS, ids=lambda path: path.stem)
def test_a_method_runs_to_its_report(path: Path, methods: Desk) -> None:
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"model: (models/[\w./-]+)", text):
        if DATA is None or not (Path(DATA) / name).is_dir():
            pytest.skip(f"needs {name} in $COMPACTOR_DATA")
    if "load_in:" in text:
        pytest.importorskip("bitsandbytes")
    places = {"COMPACTOR_STORE": str(methods.folder / "store"), **({"COMPACTOR_DATA": DATA} if DATA else {})}
    result = methods.compactor("run", str(path), "--quick", "--set", f"data.limit={ROWS}", **places)
    assert result.returncode in {0, 3}, result.stderr
    run = methods.folder / "runs" / path.stem
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    assert all(row["quality"]["n"] > 0 for row in report["rows"])
    for row in report["rows"]:
        training = row["facts"].get("training") or {}
        for line in training.get("curve", ()):
            assert all(math.isfinite(value) for value in (line["loss"], *line["parts"].values())), line
    assert (run / "report.html").stat().st_size > 0
