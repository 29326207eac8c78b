"""The golden inputs of the bundle that a model lies in, as its graph takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from compactor.base.atomic import read_json
from compactor.base.errors import MissingError
from compactor.base.images import ImageSettings, normalized, open_image, prepare
from compactor.measuring.made_up import Feed, dtype_of
from compactor.measuring.result import Subject

GOLDEN = "golden.json"


def golden_feeds(subject: Subject, inputs: list[dict[str, Any]]) -> list[Feed]:
    """Return the inputs of the bundle's self-test, one a case; none for a model that lies in no bundle.

    A case that the graph does not take, and an image that cannot be read here, is left out: `verify` says what is wrong with it.

    Args:
        subject: the model.
        inputs: of its graph, `{name, type, shape}`.
    """
    folder = subject.model.parent.parent if subject.model.parent.name == "onnx" else subject.model.parent
    cases = read_json(folder / GOLDEN)["cases"] if (folder / GOLDEN).is_file() else []
    found = [_of_image(subject, inputs, folder, case) if "image" in case else _of_ids(inputs, case) for case in cases]
    return [feed for feed in found if feed is not None]


def _of_ids(inputs: list[dict[str, Any]], case: dict[str, Any]) -> Feed | None:
    ids = case["inputs"]
    if {each["name"] for each in inputs} != ids.keys():
        return None
    return {each["name"]: np.array([ids[each["name"]]], dtype=dtype_of(each)) for each in inputs}


def _of_image(subject: Subject, inputs: list[dict[str, Any]], folder: Path, case: dict[str, Any]) -> Feed | None:
    """Prepare an image of the self-test as the bundle says: of images golden.json keeps no pixels, only some values to know them by."""
    path, told = folder / str(case["image"]), subject.interface.get("image")
    if not told or len(inputs) != 1 or not path.resolve().is_relative_to(folder.resolve()):
        return None
    try:
        settings = ImageSettings.read(told)
        pixels = normalized(prepare(open_image(path), settings), settings)
    except (ValueError, MissingError):  # no image, settings that are not known here, or no Pillow
        return None
    return {inputs[0]["name"]: pixels[None].astype(dtype_of(inputs[0]))}
