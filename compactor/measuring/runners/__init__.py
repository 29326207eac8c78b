"""Where workers run: here, over ssh, emulated, in a container, in a browser. One file each, all behind one class."""

from __future__ import annotations

from compactor.measuring.runners._contract import Runner
from compactor.measuring.runners.local import LocalRunner
from compactor.measuring.runners.opening import open_runner

__all__ = ["LocalRunner", "Runner", "open_runner"]
