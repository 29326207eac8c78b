"""Files are complete or absent, and what is no file stays what it is."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from compactor.base.atomic import write_text
from compactor.base.errors import StageError


def test_a_pipe_is_written_and_not_replaced(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(os.read(os.open(pipe, os.O_RDONLY), 100)), daemon=True)
    reader.start()
    write_text(pipe, "some text")
    reader.join(10)
    assert read == [b"some text"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_what_a_shell_stands_for_a_file_is_written() -> None:
    reading, writing = os.pipe()
    write_text(Path(f"/dev/fd/{writing}"), "some text")
    assert os.read(reading, 100) == b"some text"
    os.close(reading)
    os.close(writing)


def test_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="R102"):
        write_text(tmp_path, "some text")
    assert tmp_path.is_dir()
