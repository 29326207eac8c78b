"""Tiny rows for students."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.distillation import tiny


@pytest.fixture
def rows(tmp_path: Path) -> Any:
    """Sixty short rows whose label is told by one piece."""
    return tiny.rows(tmp_path / "rows")
