"""Channels of the residual stream in the prune stage, where a family has more to say than how many stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compactor.base.artifact import Artifact
from compactor.base.errors import StageError
from compactor.stages.prune import Prune
from tests.pruning import tiny
from tests.stages import works

pytestmark = pytest.mark.model


def prune(root: Path, data: Any, teacher: Artifact, settings: dict[str, Any], name: str) -> Any:
    """Run the stage; return its work."""
    work = works.make_work(root, name, data, teacher=teacher)
    Prune.model_validate(settings).run(teacher, work)
    return work


def test_channels_of_an_electra_pass_by_the_width_of_its_embeddings(tmp_path):
    """In steps too: the model of each step is kept, and read back after a kill."""
    from compactor.models import save
    from compactor.models.wordpiece import train_wordpiece

    data, folder = works.open_small(tmp_path), tmp_path / "teacher"
    folder.mkdir()
    train_wordpiece(iter(data.train.texts()), 160, folder, 24)
    save(tiny.model("electra", layers=1, pieces=160), folder, folder, labels=data.labels)
    place = tmp_path, data, works.artifact(folder)
    with pytest.raises(StageError, match="K222"):
        prune(*place, {"hidden": 0.5}, "refused")
    work = prune(*place, {"hidden": 8, "steps": 3, "schedule": "linear", "refit": False}, "steps")
    assert [step["hidden"] for step in work.facts["steps"]] == [24, 24, 8]
