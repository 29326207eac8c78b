"""What a folder says of its model: a bundle's manifest.json, or the interface.json of a plain ONNX folder."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

from compactor.base.errors import CompactorError, MissingError

if TYPE_CHECKING:
    from compactor.base.images import ImageSettings

SCHEMA = 1
# Of a folder with two models, whose rule a reader must follow: one that does not know it refuses the folder, and does not answer worse.
CASCADE_SCHEMA = 2
MANIFEST, INTERFACE = "manifest.json", "interface.json"
NEEDED = ("task", "inputs", "outputs", "max_length", "pad_id", "pair", "precision")
# What an output can mean.
ANSWERS = ("class", "classes", "number", "tags", "vector")
# How far onnxruntime rewrites the graph when it loads it, by its own names.
GRAPH_LEVELS = {
    "all": "ORT_ENABLE_ALL",
    "extended": "ORT_ENABLE_EXTENDED",
    "basic": "ORT_ENABLE_BASIC",
    "disabled": "ORT_DISABLE_ALL",
}
# Names that the exporters give to what the tokenizer makes.
FEEDS = ("input_ids", "attention_mask", "token_type_ids")
# And to what an image becomes.
PIXELS = "pixel_values"


@dataclass(frozen=True)
class Rule:
    """When the smaller of two models may answer.

    Attributes:
        folder: below the smaller model's, of the larger one.
        confidence: the smaller one answers where the highest probability by softmax(logits / temperature) is at least this.
        temperature, larger_temperature: of the two models; their logits are divided by them.
    """

    folder: str
    confidence: float
    temperature: float
    larger_temperature: float


@dataclass(frozen=True)
class Interface:
    """How to feed the model of one folder, and how to read its answers.

    Attributes:
        folder: as it was given.
        model: the ONNX file.
        task: the task's name.
        answer: what the output means: `class`, `classes`, `number`, `tags` or `vector`; see `compactor.runtime.answers`.
        inputs: names of the graph's inputs, int64 (batch, sequence); or `pixel_values`, float32 (batch, 3, height, width).
        output: name of the output that is read, float32 (batch, labels), or (batch, sequence, labels) for tags.
        labels: label names in id order.
        max_length: most tokens of a text, special ones included; longer texts are cut. 0 for images.
        pad_id: token that fills the shorter texts of a batch. 0 for images.
        pair: every text has a second one.
        precision: `fp32`, `fp16`, `int8` ...
        threads: threads recommended for one session.
        spinning: idle threads may spin; only for a machine that does nothing else.
        graph_level, arena: how far onnxruntime rewrites the graph, and whether it keeps freed memory; a sweep may have chosen them.
        providers: execution providers that the model was made for.
        oldest_onnxruntime: the first version that can load the graph; empty when not stated.
        depends_on_padding: answers differ with padding, as with dynamic int8.
        image: how images are prepared; None for a model that reads texts.
        cascade: a larger model answers what this one is unsure of; None without.
    """

    folder: Path
    model: Path
    task: str
    answer: str
    inputs: tuple[str, ...]
    output: str
    labels: tuple[str, ...]
    max_length: int
    pad_id: int
    pair: bool
    precision: str
    threads: int
    spinning: bool
    graph_level: str
    arena: bool
    providers: tuple[str, ...]
    oldest_onnxruntime: str
    depends_on_padding: bool
    image: ImageSettings | None = None
    cascade: Rule | None = None


def read_interface(folder: Path) -> Interface:
    """Read the description of a folder.

    Raises:
        MissingError: T201 the folder or one of its files is not there.
        CompactorError: T202 the description cannot be understood.
    """
    told = _description(folder)
    try:
        return _interface(folder, told)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CompactorError(
            "T202", f"the description in {folder} cannot be understood ({error})", "build the bundle again"
        ) from error


def read_json_file(path: Path) -> Any:
    """Read a JSON file of the folder.

    Raises:
        MissingError: T201 it is not there.
        CompactorError: T202 it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingError("T201", f"{path.parent} has no {path.name}", "give the whole folder, as it was built") from error
    except (OSError, ValueError) as error:
        raise CompactorError(
            "T202", f"{path} cannot be read ({error})", "copy the folder again from where it was built"
        ) from error


def _description(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise MissingError("T201", f"there is no folder {folder}", "give the folder of a bundle, the one with manifest.json")
    name = next((name for name in (MANIFEST, INTERFACE) if (folder / name).is_file()), None)
    if name is None:
        raise MissingError("T201", f"{folder} has neither {MANIFEST} nor {INTERFACE}", "give the folder of a bundle")
    told = read_json_file(folder / name)
    if not isinstance(told, dict) or any(needed not in told for needed in NEEDED):
        raise CompactorError("T202", f"{folder / name} does not describe a model", "build the bundle again")
    if told.get("schema") not in (SCHEMA, CASCADE_SCHEMA):
        raise CompactorError(
            "T202", f"{folder / name} has schema {told.get('schema')}, this compactor reads {SCHEMA}", "upgrade compactor"
        )
    return told


def _interface(folder: Path, told: dict[str, Any]) -> Interface:
    image = _image(told["image"]) if told.get("image") else None
    labels = told.get("labels") or read_json_file(folder / "labels.json")
    session = told.get("session", {})
    return Interface(
        folder=folder,
        model=_model(folder, told, reads_texts=image is None),
        task=str(told["task"]),
        answer=_one_of(ANSWERS, "answer", told.get("answer", "class")),  # not told in folders that older versions made
        inputs=_inputs(told, FEEDS if image is None else (PIXELS,)),
        output=next(iter(told["outputs"])),
        labels=tuple(str(label) for label in labels),
        max_length=0 if image is not None else int(told["max_length"]),
        pad_id=0 if image is not None else int(told["pad_id"]),
        pair=bool(told["pair"]),
        precision=str(told["precision"]),
        threads=int(session.get("intra_op_num_threads", 1)),
        spinning=bool(session.get("allow_spinning", False)),
        graph_level=_one_of(GRAPH_LEVELS, "graph_optimization_level", session.get("graph_optimization_level", "all")),
        arena=bool(session.get("enable_cpu_mem_arena", True)),
        providers=tuple(told.get("providers") or ("CPUExecutionProvider",)),
        oldest_onnxruntime=str(told.get("oldest_onnxruntime", "")),
        depends_on_padding=bool(told.get("padding", {}).get("answers_depend_on_padding", False)),
        image=image,
        cascade=_rule(told.get("cascade")),
    )


def _model(folder: Path, told: dict[str, Any], *, reads_texts: bool) -> Path:
    """Return the ONNX file, after a look that it and the tokenizer are there."""
    model = folder / _below(told.get("model", "model.onnx"))
    for path in (model, folder / "tokenizer.json") if reads_texts else (model,):
        if not path.is_file():
            sentence = f"{folder} has no {path.relative_to(folder).as_posix()}"
            raise MissingError("T201", sentence, "give the whole folder, as it was built")
    return model


def _inputs(told: dict[str, Any], known: tuple[str, ...]) -> tuple[str, ...]:
    inputs = tuple(told["inputs"])
    strange = [name for name in inputs if name not in known]
    if strange:
        raise ValueError(f"input {', '.join(strange)} is not one of {', '.join(known)}")
    return inputs


def _one_of(known: Collection[str], name: str, value: Any) -> str:
    if str(value) not in known:
        raise ValueError(f"{name} {value} is not one of {', '.join(known)}: upgrade compactor")
    return str(value)


def _image(told: dict[str, Any]) -> ImageSettings:
    """Read how images are prepared; imported here, since naming the runtime must cost no numpy."""
    from compactor.base.images import ImageSettings

    return ImageSettings.read(told)


def _rule(told: dict[str, Any] | None) -> Rule | None:
    """Return when a larger model answers; None where there is none, or where the graph itself decides."""
    if not told or "larger" not in told:
        return None
    larger = told["larger"]
    return Rule(_below(larger["folder"]), float(told["confidence"]), float(told["temperature"]), float(larger["temperature"]))


def _below(name: Any) -> str:
    """Return the name of a file or folder of a bundle, which may open what lies in it and nothing else, whatever its maker wrote."""
    path = PureWindowsPath(str(name))  # which knows drives, and both kinds of slashes
    if path.anchor or ".." in path.parts or not path.parts:
        raise ValueError(f"{str(name)!r} does not lie below the folder")
    return str(name)
