"""Write a commented profile; text and label columns are guessed from the data's header. Asks nothing, overwrites nothing."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from compactor.cli._profile_text import DEFAULT_IMAGE_MODEL, DEFAULT_MODEL

if TYPE_CHECKING:
    from compactor.cli._columns import Guess

TASK = "text-classification"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compactor init`."""
    parser.add_argument("--data", metavar="FILE", help="training rows: csv, tsv, json, jsonl, parquet, a folder, or a hub id")
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help=f"the model to make small: a folder, or a hub id (default: {DEFAULT_MODEL}; for images {DEFAULT_IMAGE_MODEL})",
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
    from compactor.cli._profile_text import Choices, profile_text
    from compactor.tasks import TASKS

    _check(arguments)
    path = Path(arguments.data).expanduser() if arguments.data else None
    guess = guess_columns(path) if path is not None and path.is_file() else None
    task, method = TASKS.load(arguments.task)(), _method(arguments.target, arguments.output)
    text = profile_text(Choices(task, arguments.target, method, arguments.data, arguments.model, guess))
    _validate(text, arguments.output)
    write_text(arguments.output, text)
    print(f"wrote {arguments.output}")
    if guess is not None:
        print(f"columns: {_told(guess, text)}")
    elif "  text: text\n" in text:
        print("columns: text 'text', label 'label' are assumed: check them in the profile")
    online = "" if arguments.model and Path(arguments.model).expanduser().exists() else " --online"
    print(f"next: compactor validate {arguments.output}\n      compactor run {arguments.output}{online}")
    return 0


def _told(guess: Guess, text: str) -> str:
    """Say which columns the profile names, and whether that is more than their names tell."""
    words = {"text": guess.text, "image": guess.text, "text_pair": guess.text_pair, "label": guess.label}
    shown = {"text_pair": "second text"}
    named = [f"{shown.get(setting, setting)} {name!r}" for setting, name in words.items() if f"\n  {setting}: " in text]
    return ", ".join(named) + ("" if guess.sure else "  (guessed from the rows: check them)")


def _validate(text: str, output: Path) -> None:
    """Refuse, before anything is written, what `compactor validate` would refuse of the profile."""
    from compactor.base.errors import Problem, ProfileError, disk_error
    from compactor.pipeline.profile import load_profile

    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=output.parent, suffix=".yaml", encoding="utf-8") as draft:
            draft.write(text)
            draft.flush()
            load_profile(Path(draft.name))
    except OSError as error:
        raise disk_error(error, output) from error
    except ProfileError as error:
        # Without their places: the file is not there.
        raise ProfileError([Problem(each.code, each.sentence, each.hint) for each in error.problems]) from error


def _check(arguments: argparse.Namespace) -> None:
    """Refuse, before anything is written, what `compactor validate` would refuse of the arguments."""
    from compactor.base.errors import Problem, ProfileError
    from compactor.base.suggest import did_you_mean
    from compactor.cli._profile_text import built_in
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
    elif not arguments.data and built_in(TASKS.load(arguments.task)()) is None:
        sentence = f"there is no built-in set for {arguments.task}"
        problems.append(Problem("P061", sentence, "name your own rows with --data"))
    if arguments.target not in target_names() and not arguments.target.endswith((".yaml", ".yml")):
        problems.append(
            Problem("P031", f"there is no target {arguments.target!r}", did_you_mean(arguments.target, target_names()))
        )
    if problems:
        raise ProfileError(problems)


def _method(target: str, output: Path) -> str:
    """Return the quantization that the target has kernels for; what is wrong with a target is told when the profile is checked."""
    from compactor.base.errors import CompactorError
    from compactor.pipeline.named_files import find, near_folders
    from compactor.targets import load_target

    path = find(target, near_folders(output)) if target.endswith((".yaml", ".yml")) else None
    try:
        precisions = load_target(str(path or target)).precisions
    except CompactorError:
        return "dynamic-int8"
    return "dynamic-int8" if "int8" in precisions else "fp16"
