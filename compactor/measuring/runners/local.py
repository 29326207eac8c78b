"""Workers on this machine, in the Python that runs compactor."""

from __future__ import annotations

import sys

from compactor.measuring.runners._contract import Runner
from compactor.measuring.worker_file import worker_file


class LocalRunner(Runner):
    """Runs workers on this machine."""

    def command(self) -> list[str]:
        """Return this Python, with the packed worker: what runs here is what is copied to a board."""
        return [sys.executable, str(worker_file())]
