"""Finds the Python that has Optimum's exporter. Light: a profile is checked with it."""

from __future__ import annotations

import importlib.util
import os
import sys

from compactor.base.errors import MissingError

PYTHON = "COMPACTOR_OPTIMUM_PYTHON"
HINT = (
    "python -m venv FOLDER && FOLDER/bin/pip install -r requirements/optimum.txt, "
    "then set COMPACTOR_OPTIMUM_PYTHON=FOLDER/bin/python"
)


def optimum_python() -> str:
    """Return the interpreter that has Optimum's exporter: this one, or what COMPACTOR_OPTIMUM_PYTHON names.

    Raises:
        MissingError: X145, there is none.
    """
    try:
        here = importlib.util.find_spec("optimum.exporters.onnx") is not None
    except ModuleNotFoundError:
        here = False
    if here:
        return sys.executable
    named = os.environ.get(PYTHON, "")
    if not named:
        sentence = f"backend: optimum needs optimum-onnx, which is not installed here, and {PYTHON} names no Python that has it"
        raise MissingError("X145", sentence, HINT)
    if not os.access(named, os.X_OK):
        raise MissingError("X145", f"{PYTHON} names {named}, which is no program", HINT)
    return os.path.abspath(named)  # it is started in another folder
