"""The command in a process of its own that begins with torch already imported: forked from a server, so that nothing of it comes back."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

from compactor.cli.main import main

# Most of what a small run costs is to import these; `pytest` since a forked process imports the program that started it.
IMPORTED = ["onnx", "onnxruntime", "pyarrow", "pytest", "sklearn.linear_model", "torch", "transformers.models.auto"]
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(IMPORTED)


def compactor(arguments: tuple[str, ...], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `compactor ARGUMENTS` in a folder, with this environment; only libraries that read it as they are imported see another."""
    outputs = [folder / f".{name}" for name in ("stdout", "stderr")]
    process = CONTEXT.Process(target=_command, args=(list(arguments), folder, environment, outputs))
    process.start()
    process.join()
    told = [path.read_text(encoding="utf-8") if path.is_file() else "" for path in outputs]
    for path in outputs:
        path.unlink(missing_ok=True)
    return subprocess.CompletedProcess(["compactor", *arguments], process.exitcode or 0, *told)


def _command(arguments: list[str], folder: Path, environment: dict[str, str], outputs: list[Path]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for stream, path in zip((sys.stdout, sys.stderr), outputs, strict=True):
        stream.flush()
        target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(target, stream.fileno())
        os.close(target)
    sys.argv = ["compactor", *arguments]
    sys.exit(main())
