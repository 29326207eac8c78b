"""How a folder of sentence-transformers says what comes after the encoder: modules.json and a folder for each module."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import reduce
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from compactor.base.atomic import read_json, write_json
from compactor.base.errors import StageError

FIELD = "sentence_encoder"  # of config.json: the same in short, for those who read no modules.json
MODULES, POOLING, DENSE, NORMALIZE = "modules.json", "1_Pooling", "2_Dense", "3_Normalize"
KIND = "sentence_transformers.models."
MODES = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
IDENTITY = "torch.nn.modules.linear.Identity"


@dataclass(frozen=True)
class Layout:
    """How states become a vector: `pooling` of the last states, and the `dimension` of the vector.

    `mapped`: a linear map comes between the two even where the states have that dimension already.
    """

    pooling: Literal["mean", "cls"]
    dimension: int
    mapped: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the form in config.json."""
        return {name: value for name, value in asdict(self).items() if value is not False}


def read_layout(folder: Path, width: int) -> Layout:
    """Return what a folder says, or the mean of all states where it says nothing.

    Args:
        folder: of the model.
        width: of the encoder's states.

    Raises:
        StageError: L180 a module or a way of pooling that is not known here.
    """
    if not (folder / MODULES).is_file():
        return Layout("mean", width)
    pooling, dimension, mapped = "mean", width, False
    for module in read_json(folder / MODULES):
        kind = str(module["type"]).rpartition(".")[2]
        inside = folder / str(module.get("path", ""))
        if kind == "Pooling":
            pooling = _pooling(inside)
        elif kind == "Dense":
            dimension, mapped = _dimension(inside), True
        elif kind not in {"Transformer", "Normalize"}:
            raise _unknown(inside, f"a module {kind}")
    return Layout("cls" if pooling == "cls" else "mean", dimension, mapped and dimension == width)


def read_projection(folder: Path) -> Tensor | None:
    """Return the weights of the linear map after pooling, (dimension, width), of several the product; None where there is none."""
    from safetensors.torch import load_file

    if not (folder / MODULES).is_file():
        return None
    paths = [folder / str(module["path"]) for module in read_json(folder / MODULES) if str(module["type"]).endswith("Dense")]
    weights = [load_file(path / "model.safetensors")["linear.weight"] for path in paths]
    return reduce(lambda before, after: after @ before, weights) if weights else None


def write_layout(folder: Path, layout: Layout, projection: Tensor | None) -> None:
    """Write modules.json and the modules; `projection` is (dimension, width)."""
    from safetensors.torch import save_file

    width = int(projection.shape[1]) if projection is not None else layout.dimension
    names = [("", "Transformer"), (POOLING, "Pooling")]
    modes = {mode: name == layout.pooling for mode, name in MODES.items()}
    (folder / POOLING).mkdir(exist_ok=True)
    write_json(folder / POOLING / "config.json", {"word_embedding_dimension": width, **modes})
    if projection is not None:
        (folder / DENSE).mkdir(exist_ok=True)
        shape = {"in_features": width, "out_features": layout.dimension, "bias": False, "activation_function": IDENTITY}
        write_json(folder / DENSE / "config.json", shape)
        save_file({"linear.weight": projection.contiguous()}, folder / DENSE / "model.safetensors")
        names.append((DENSE, "Dense"))
    (folder / NORMALIZE).mkdir(exist_ok=True)
    write_json(folder / NORMALIZE / "config.json", {})
    names.append((NORMALIZE, "Normalize"))
    modules = [
        {"idx": place, "name": str(place), "path": path, "type": KIND + kind} for place, (path, kind) in enumerate(names)
    ]
    write_json(folder / MODULES, modules)


def _pooling(folder: Path) -> str:
    told = read_json(folder / "config.json")
    if "pooling_mode" in told:
        wanted = [str(told["pooling_mode"])]
    else:
        wanted = [mode for mode, chosen in told.items() if mode.startswith("pooling_mode_") and chosen is True]
        wanted = [MODES.get(mode, mode) for mode in wanted]
    if len(wanted) != 1 or wanted[0] not in MODES.values():
        raise _unknown(folder, f"pooling by {' and '.join(wanted) or 'nothing'}")
    return wanted[0]


def _dimension(folder: Path) -> int:
    told = read_json(folder / "config.json")
    if told.get("bias") or told.get("activation_function", IDENTITY) != IDENTITY:
        raise _unknown(folder, "a map with a bias or an activation")
    return int(told["out_features"])


def _unknown(folder: Path, what: str) -> StageError:
    hint = "mean or first-token pooling, a linear map and normalization are known"
    return StageError("L180", f"{folder} has {what}, which is not known here", hint)
