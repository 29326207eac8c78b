"""Verify a bundle as an app's machine would, in a process where only the runtime's packages can be imported.

Run as `python -m compactor.bundle.fresh FOLDER [PROVIDER]`; prints the verification as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

# All that `pip install compactor` does not bring.
BLOCKED = frozenset(
    (
        *(
            "torch",
            "transformers",
            "onnx",
            "safetensors",
            "sklearn",
            "seqeval",
            "scipy",
            "datasets",
            "pyarrow",
            "pandas",
            "optimum",
        ),
        *("pydantic", "ruamel", "yaml", "rich", "filelock", "torch_pruning", "huggingface_hub"),
    )
)
LONGEST_S = 900


class Blocker:
    """Finder that refuses the packages of the toolchain as if they were not installed."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Raise for a blocked package, and leave all others to the finders after this one."""
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r} (blocked: a bundle must not need it)", name=name)
        return None


def verify_fresh(folder: Path, *, provider: str | None = None) -> dict[str, Any]:
    """Verify in a process of its own; return `passed` and `checks`, or `passed: False` and `died` with its last words."""
    import os

    import compactor

    home = str(Path(compactor.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])}
    command = [sys.executable, "-m", "compactor.bundle.fresh", str(folder), *([provider] if provider else [])]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LONGEST_S, check=False
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {"passed": False, "checks": [], "died": f"no answer after {LONGEST_S} s"}
    except ValueError:
        words = done.stderr.strip().splitlines()
        return {"passed": False, "checks": [], "died": words[-1] if words else f"exit status {done.returncode}"}
    return answer


def main() -> int:
    """Block, verify, print."""
    sys.meta_path.insert(0, Blocker())
    from compactor.bundle.verifying import verify

    providers = sys.argv[2:] or None
    found = verify(Path(sys.argv[1]), providers=providers)
    loaded = sorted(BLOCKED & {name.partition(".")[0] for name in sys.modules})
    print(json.dumps({**found.as_dict(), "passed": found.passed and not loaded, "loaded": loaded}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
