"""Write a commented profile; text and label columns are guessed from the data's header. Asks nothing, overwrites nothing."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compactor.cli._columns import Guess

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
TASK = "text-classification"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compactor init`."""
    parser.add_argument("--data", metavar="FILE", help="training rows: csv, tsv, json, jsonl, parquet, a folder, or a hub id")
    parser.add_argument(
        "--model", metavar="MODEL", help=f"the model to make small: a folder, or a hub id (default: {DEFAULT_MODEL})"
    )
    parser.add_argument(
        "--target", default="host", help="where it must run: a shipped target, or a target YAML (default: host)"
    )
    parser.add_argument("--task", default=TASK, help=f"what it must do (default: {TASK})")
    parser.add_argument("-o", "--output", type=Path, default=Path("profile.yaml"), help="file to write (default: profile.yaml)")


def run(arguments: argparse.Namespace) -> int:
    """Write the profile and say what to type next."""
    from compactor.base.atomic import write_text
    from compactor.cli._columns import guess_columns

    _check(arguments)
    path = Path(arguments.data).expanduser() if arguments.data else None
    guess = guess_columns(path) if path is not None and path.is_file() else None
    text = profile_text(arguments.data, arguments.model, arguments.target, arguments.task, guess, _method(arguments.target))
    write_text(arguments.output, text)
    print(f"wrote {arguments.output}")
    if guess is not None:
        pair = f", second text {guess.text_pair!r}" if guess.text_pair else ""
        doubt = "" if guess.sure else "  (guessed from the rows: check them)"
        print(f"columns: text {guess.text!r}{pair}, label {guess.label!r}{doubt}")
    elif arguments.data:
        print("columns: text 'text', label 'label' are assumed: check them in the profile")
    online = "" if arguments.model and Path(arguments.model).expanduser().exists() else " --online"
    print(f"next: compactor validate {arguments.output}\n      compactor run {arguments.output}{online}")
    return 0


def profile_text(data: str | None, model: str | None, target: str, task: str, guess: Guess | None, method: str) -> str:
    """Return the YAML of a profile for these choices; each setting has its comment at the same column."""
    lines = [
        ("# What to make small, where it must run, and what may be lost. See `compactor validate` and `compactor plan`.", ""),
        (f"name: {_data_name(data)}-{_safe(Path(target).stem)}", "of the folder below runs/"),
        (f"task: {_quoted(task)}", ""),
        (f"target: {_quoted(target)}", "laptop-cpu, arm-edge, server-gpu, host, or your own YAML"),
        ("budget:", "a missed limit gives exit status 3; leave out what does not matter"),
        ("  accuracy_drop: 0.02", "at most two points below the teacher"),
        ("  # latency_ms: 5", "median for one text"),
        ("  # size_mb: 10", "everything that the app ships"),
        ("seed: 0", ""),
        ("data:", ""),
        *_data_lines(data, guess),
        ("stages:", "in this order; each is measured on the target"),
        *_teacher_lines(model),
        ("  - distill:", "teach a smaller student what the teacher answers"),
        (f"      student: {{layers: {_half_the_layers(model)}, init: teacher-layers}}", "half of the teacher's"),
        *SMALLER,
        (f"  - quantize: {{method: {method}}}", "fewer bits a weight"),
        ("  - package: {}", "the folder that an app loads"),
    ]
    return "".join(f"{text:<{COMMENT_COLUMN}}  # {comment}\n" if comment else f"{text}\n" for text, comment in lines)


COMMENT_COLUMN = 36
USUAL_LAYERS = 3
SMALLER = (
    ("      losses:", ""),
    ("        - hinton: {temperature: 2, weight: 0.9}", ""),
    ("        - cross_entropy: {weight: 0.1}", ""),
    ("      train: {epochs: 10, batch_size: 32, learning_rate: 2.0e-4}", ""),
    ("  - prune:", "drop the word pieces that this data does not use"),
    ("      vocabulary: {keep: 6000}", ""),
    ("      recover: {epochs: 2, learning_rate: 5.0e-5}", ""),
    ("  - export: {}", "to ONNX, compared with the torch model on real rows"),
)


def _data_lines(data: str | None, guess: Guess | None) -> list[tuple[str, str]]:
    if data is None:
        return [("  source: builtin:python-docstrings", "needs no file; for your own rows: train: FILE")]
    test = _sibling(data)
    told = "for the final numbers only" if test else "without it the final numbers come from the validation rows"
    return [
        (f"  train: {_quoted(data)}", ""),
        (f"  test: {_quoted(test)}" if test else "  # test: test.csv", told),
        (f"  text: {_quoted(guess.text if guess else 'text')}", ""),
        *([(f"  text_pair: {_quoted(guess.text_pair)}", "")] if guess and guess.text_pair else []),
        (f"  label: {_quoted(guess.label if guess else 'label')}", ""),
        ("  validation: 0.1", "share of train, stratified; or a file"),
    ]


def _teacher_lines(model: str | None) -> list[tuple[str, str]]:
    """Return the teacher: as it is when its config says that it is a classifier, else fine-tuned first."""
    if model is not None and _is_classifier(Path(model).expanduser()):
        return [(f"  - teacher: {{model: {_quoted(model)}}}", "fine-tuned already, taken as it is")]
    return [
        ("  - teacher:", "leave out `train` if the model is fine-tuned for this task already"),
        (f"      model: {_quoted(model or DEFAULT_MODEL)}", ""),
        ("      train: {epochs: 8, batch_size: 32, learning_rate: 1.0e-4}", ""),
    ]


def _half_the_layers(model: str | None) -> int:
    """Return how many layers the student gets; of a hub id nothing is known yet."""
    from compactor.models.depth import layers_of_folder

    layers = layers_of_folder(str(Path(model).expanduser()), (Path(),)) if model is not None else None
    return USUAL_LAYERS if layers is None else max(1, layers // 2)


def _is_classifier(folder: Path) -> bool:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return any(str(name).endswith("ForSequenceClassification") for name in config.get("architectures") or [])


def _check(arguments: argparse.Namespace) -> None:
    """Refuse, before anything is written, what `compactor validate` would refuse of the arguments."""
    from compactor.base.errors import Problem, ProfileError
    from compactor.base.suggest import did_you_mean
    from compactor.targets import target_names
    from compactor.tasks import TASKS

    tasks = [name.replace("_", "-") for name in TASKS.names()]
    problems = []
    if arguments.output.exists():
        problems.append(
            Problem("P060", f"{arguments.output} is there already and is not overwritten", "name another file with -o")
        )
    if (
        arguments.data
        and not Path(arguments.data).expanduser().exists()
        and (Path(arguments.data).suffix or "/" not in arguments.data)
    ):
        problems.append(Problem("P040", f"there is no file {arguments.data}", "check the path"))
    if arguments.task not in tasks:
        problems.append(Problem("P030", f"there is no task {arguments.task!r}", did_you_mean(arguments.task, tasks)))
    if arguments.target not in target_names() and not arguments.target.endswith((".yaml", ".yml")):
        problems.append(
            Problem("P031", f"there is no target {arguments.target!r}", did_you_mean(arguments.target, target_names()))
        )
    if problems:
        raise ProfileError(problems)


def _sibling(data: str) -> str | None:
    """Return the test file beside a training file (`train.csv` -> `test.csv`), if there is one."""
    path = Path(data)
    name = re.sub("train(ing)?", "test", path.name)
    beside = path.with_name(name)
    return beside.as_posix() if name != path.name and beside.expanduser().exists() else None


def _method(target: str) -> str:
    """Return the quantization that the target has kernels for."""
    from compactor.targets import load_target, target_names

    precisions = load_target(target).precisions if target in target_names() else ("int8",)
    return "dynamic-int8" if "int8" in precisions else "fp16"


def _data_name(data: str | None) -> str:
    """Name a run after its data: the file, or its folder when the file is called `train`."""
    if data is None:
        return "docstrings"
    path = Path(data)
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
