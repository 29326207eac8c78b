"""Exports a folder with Optimum; runs in the Python that has it, which need not have compactor: `python optimum_script.py '{...}'`."""

from __future__ import annotations

import json
import sys
from typing import Any


def export(asked: dict[str, Any]) -> None:
    """Write `folder`/model.onnx from the transformers folder `source`, for Optimum's `task`, in `opset`."""
    from optimum.exporters.onnx import main_export

    main_export(
        asked["source"],
        asked["folder"],
        task=asked["task"],
        opset=asked["opset"],
        local_files_only=True,
        library_name="transformers",
        do_validation=False,  # compactor compares the graph with the model on real rows, in several shapes
    )


if __name__ == "__main__":
    export(json.loads(sys.argv[1]))
