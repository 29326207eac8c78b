"""A folder to write data files in, and a short way to open them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compactor.base.errors import CompactorError
from compactor.base.reporter import Reporter
from compactor.data import Data, DataSettings, open_data

FEW = "text,label\ngood film,pos\nbad film,neg\nfine play,pos\npoor play,neg\nnice song,pos\nweak song,neg\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], str]:
    """Write a file below the test's folder; give its name back."""

    def write(name: str, content: str | bytes) -> str:
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return name

    return write


@pytest.fixture
def open_(tmp_path: Path) -> Callable[..., Data]:
    """Open data settings against the test's folder."""

    def open_(
        seed: int = 0, online: bool = False, reporter: Reporter | None = None, kind: str = "class", **settings: Any
    ) -> Data:
        settings = {"validation": 0.34} | settings
        return open_data(
            DataSettings(**settings),
            near=(tmp_path,),
            seed=seed,
            cache=tmp_path / "cache",
            online=online,
            reporter=reporter or Reporter(),
            kind=kind,
        )

    return open_


@pytest.fixture
def refused(open_: Callable[..., Data]) -> Callable[..., str]:
    """Open data settings that must be refused with this code and exit status; give the whole message back."""

    def refused(code: str, status: int = 2, **settings: Any) -> str:
        with pytest.raises(CompactorError) as caught:
            open_(**settings)
        assert caught.value.problem.code == code
        assert caught.value.exit_status == status
        assert caught.value.problem.hint
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return refused


def rows_of(data: Data) -> list[tuple[str, str]]:
    """All texts of train and validation with their label names, sorted."""
    splits = [data.train, data.validation]
    return sorted((text, data.labels[label]) for rows in splits for text, label in zip(rows.texts(), rows.labels, strict=True))
