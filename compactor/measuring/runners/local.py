"""Workers on this machine, in the Python that runs compactor."""

from __future__ import annotations

import sys
from pathlib import Path

from compactor.measuring.runners._contract import Runner

WORKER = Path(__file__).parent.parent / "worker.py"


class LocalRunner(Runner):
    """Runs workers on this machine."""

    def command(self) -> list[str]:
        """Return this Python, with the worker's file."""
        # -P: the worker's own folder stays off the import path, its neighbours must not stand in for the standard library.
        return [sys.executable, "-P", str(WORKER)]
