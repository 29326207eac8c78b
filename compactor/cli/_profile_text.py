"""The text of the profile that `init` writes: a chain that fits the task, each setting with its comment."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compactor.cli._columns import Guess
    from compactor.tasks import Task

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
DEFAULT_IMAGE_MODEL = "facebook/deit-tiny-patch16-224"
COMMENT_COLUMN = 36
USUAL_LAYERS, USUAL_IMAGE_LAYERS = 3, 6  # half of what the usual models have
TEMPERED = frozenset({"hinton", "bernoulli"})  # losses whose answers are softened
Lines = list[tuple[str, str]]


@dataclass(frozen=True)
class Choices:
    """What a profile is written for.

    Attributes:
        task: what the model must do.
        target: where it must run, as it was named.
        method: a quantization that the target has kernels for.
        data: training rows as they were named, or None for the built-in set.
        model: the model as it was named, or None for the usual one.
        guess: columns of the data.
    """

    task: Task
    target: str
    method: str
    data: str | None = None
    model: str | None = None
    guess: Guess | None = None


def built_in(task: Task) -> str | None:
    """Return the built-in set that has rows for a task, or None."""
    if task.input_kind == "image":
        return "builtin:digits"
    return "builtin:python-docstrings" if task.label_kind in {"class", "vector"} else None


def profile_text(choices: Choices) -> str:
    """Return the YAML of a profile for these choices; each setting has its comment at the same column."""
    task, target = choices.task, choices.target
    lines = [
        ("# What to make small, where it must run, and what may be lost. See `compactor validate` and `compactor plan`.", ""),
        (f"name: {_data_name(choices)}-{_safe(Path(target).stem)}", "of the folder below runs/"),
        (f"task: {_quoted(task.name)}", ""),
        (f"target: {_quoted(target)}", "laptop-cpu, arm-edge, server-gpu, host, or your own YAML"),
        ("budget:", "a missed limit gives exit status 3; leave out what does not matter"),
        ("  accuracy_drop: 0.02", "at most two points below the teacher"),
        ("  # latency_ms: 5", "median for one text"),
        ("  # size_mb: 10", "everything that the app ships"),
        ("seed: 0", ""),
        ("data:", ""),
        *_data_lines(choices),
        ("stages:", "in this order; each is measured on the target"),
        *_teacher_lines(task, choices.model),
        *_student_lines(task, choices.model),
        ("  - export: {}", "to ONNX, compared with the torch model on real rows"),
        (f"  - quantize: {{method: {choices.method}}}", "fewer bits a weight"),
        ("  - package: {}", "the folder that an app loads"),
    ]
    return "".join(f"{text:<{COMMENT_COLUMN}}  # {comment}\n" if comment else f"{text}\n" for text, comment in lines)


def _data_lines(choices: Choices) -> Lines:
    data, guess = choices.data, choices.guess
    if data is None:
        return [(f"  source: {built_in(choices.task)}", "needs no file; for your own rows: train: FILE")]
    test = _sibling(data)
    told = "for the final numbers only" if test else "without it the final numbers come from the validation rows"
    return [
        (f"  train: {_quoted(data)}", ""),
        (f"  test: {_quoted(test)}" if test else "  # test: test.csv", told),
        *(_column_lines(choices.task, data, guess) if _has_columns(choices.task, data) else []),
        ("  validation: 0.1", "share of train, stratified; or a file"),
    ]


def _has_columns(task: Task, data: str) -> bool:
    """Whether rows have named columns: folders of images and conll files have none."""
    from compactor.data.source import FORMATS

    known = FORMATS.get(Path(data).suffix.lower())
    return known != "conll" and (known is not None or task.input_kind != "image")


def _column_lines(task: Task, data: str, guess: Guess | None) -> Lines:
    text, pair = (guess.text, guess.text_pair) if guess else ("text", None)
    lines = [(f"  {'image' if task.input_kind == 'image' else 'text'}: {_quoted(text)}", "")]
    if pair and task.input_kind == "text":
        lines.append((f"  text_pair: {_quoted(pair)}", ""))
    if task.label_kind != "vector" or pair:
        lines.append((f"  label: {_quoted(guess.label if guess else 'label')}", ""))
    if task.label_kind == "classes" and Path(data).suffix.lower() in {".csv", ".tsv"}:
        parts = guess.separator if guess and guess.separator else ","
        lines.append((f"  separator: {json.dumps(parts)}", "what parts the labels of one cell"))
    return lines


def _teacher_lines(task: Task, model: str | None) -> Lines:
    """Return the teacher: as it is when it is made for the task already, or nothing could train it; else fine-tuned first."""
    named = _quoted(model or (DEFAULT_IMAGE_MODEL if task.input_kind == "image" else DEFAULT_MODEL))
    if task.label_loss is None:
        return [(f"  - teacher: {{model: {named}}}", "taken as it is: the student learns its vectors")]
    if model is not None and _is_fine_tuned(Path(model).expanduser(), task):
        return [(f"  - teacher: {{model: {named}}}", "fine-tuned already, taken as it is")]
    return [
        ("  - teacher:", "leave out `train` if the model is fine-tuned for this task already"),
        (f"      model: {named}", ""),
        ("      train: {epochs: 8, batch_size: 32, learning_rate: 1.0e-4}", ""),
    ]


def _student_lines(task: Task, model: str | None) -> Lines:
    """Return the stages that make a smaller model, with the losses of the task."""
    softened = "temperature: 2, " if task.teacher_loss in TEMPERED else ""
    losses = [(f"        - {task.teacher_loss}: {{{softened}weight: {0.9 if task.label_loss else 1}}}", "")]
    if task.label_loss is not None:
        losses.append((f"        - {task.label_loss}: {{weight: 0.1}}", ""))
    lines = [
        ("  - distill:", "teach a smaller student what the teacher answers"),
        (f"      student: {{layers: {_half_the_layers(task, model)}, init: teacher-layers}}", "half of the teacher's"),
        ("      losses:", ""),
        *losses,
        ("      train: {epochs: 10, batch_size: 32, learning_rate: 2.0e-4}", ""),
    ]
    if task.input_kind == "image":
        return lines
    return [
        *lines,
        ("  - prune:", "drop the word pieces that this data does not use"),
        ("      vocabulary: {keep: 6000}", ""),
        ("      recover: {epochs: 2, learning_rate: 5.0e-5}", ""),
    ]


def _half_the_layers(task: Task, model: str | None) -> int:
    """Return how many layers the student gets; of a hub id nothing is known yet."""
    from compactor.models.depth import layers_of_folder

    layers = layers_of_folder(model, (Path(),)) if model is not None else None
    usual = USUAL_IMAGE_LAYERS if task.input_kind == "image" else USUAL_LAYERS
    return usual if layers is None else max(1, layers // 2)


def _is_fine_tuned(folder: Path, task: Task) -> bool:
    """Whether a model's config says that it was made for a task."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    made_for = task.model_class.removeprefix("AutoModel")
    return any(str(name).endswith(made_for) for name in config.get("architectures") or [])


def _sibling(data: str) -> str | None:
    """Return the test file beside a training file (`train.csv` -> `test.csv`), if there is one."""
    path = Path(data)
    name = re.sub("train(ing)?", "test", path.name)
    beside = path.with_name(name)
    return beside.as_posix() if name != path.name and beside.expanduser().exists() else None


def _data_name(choices: Choices) -> str:
    """Name a run after its data: the file, or its folder when the file is called `train`."""
    if choices.data is None:
        return "digits" if choices.task.input_kind == "image" else "docstrings"
    path = Path(choices.data)
    return _safe(path.parent.name if path.stem in {"train", "training", "data"} and path.parent.name else path.stem)


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "model"


def _quoted(text: str) -> str:
    """Quote what YAML would not read back as the same text."""
    plain = re.fullmatch(r"[A-Za-z./~][A-Za-z0-9_./~-]*", text) is not None and text.lower() not in {
        "null",
        "true",
        "false",
        "~",
    }
    return text if plain else json.dumps(text, ensure_ascii=False)
