"""Where a model is looked for, and what is said when it is nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from compactor.base.errors import MissingError, StageError
from compactor.models.finding import find_model


def test_a_folder_is_found_in_the_first_place_that_has_it(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "model").mkdir(parents=True)
    assert find_model("model", (tmp_path, tmp_path / "two", tmp_path / "one"), online=False) == tmp_path / "two" / "model"
    assert find_model(str(tmp_path / "one" / "model"), (), online=False) == tmp_path / "one" / "model"


def test_what_is_nowhere_is_missing_and_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as raised:
        find_model("org/name", (tmp_path,), online=False)
    assert raised.value.exit_status == 4
    assert str(tmp_path) in raised.value.problem.sentence
    assert "--online" in raised.value.problem.hint


def test_a_hub_that_cannot_be_reached_is_missing(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    with pytest.raises(MissingError, match="cannot be fetched from the hub"):
        find_model("org/name", (tmp_path,), online=True)  # HF_HUB_OFFLINE is set for all tests


def test_a_file_is_not_a_model_folder(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(StageError, match="is a file"):
        find_model("model.safetensors", (tmp_path,), online=False)
