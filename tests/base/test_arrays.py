"""A full disk is an error when a file is made, and not the end of the process when it is filled."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from compactor.base.arrays import new_array


def test_what_is_written_is_read(tmp_path: Path) -> None:
    made = new_array(tmp_path / "a.npy", (3, 2), np.int32)
    made[1] = 7
    del made
    assert np.load(tmp_path / "a.npy").tolist() == [[0, 0], [7, 7], [0, 0]]


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system cannot reserve room")
def test_the_room_is_taken_before_anything_is_written(tmp_path: Path) -> None:
    new_array(tmp_path / "a.npy", (1000, 1000))
    assert (tmp_path / "a.npy").stat().st_blocks * 512 >= 4_000_000


def test_no_room_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_given: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match="No space left"):
        new_array(tmp_path / "a.npy", (10, 10))
