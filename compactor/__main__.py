"""`python -m compactor` is the command `compactor`."""

from __future__ import annotations

import sys

from compactor.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
