"""The models of `compactor bench`: any ONNX file or folder, with what is known of its inputs, its tokenizer and its texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from compactor.base.errors import StageError
    from compactor.measuring.latency import Subject

FEWEST_IDS = 2  # of a model of which nothing is known: 0 and 1 are in every table


def make_subjects(paths: list[Path], shapes: dict[str, list[int]]) -> list[Subject]:
    """Describe the models by what lies beside them, and by their graphs."""
    return [_subject(path, name, shapes) for path, name in zip(paths, _names(paths), strict=True)]


def read_texts(path: Path) -> list[str]:
    """Return 64 texts of a file with one a line, with the lengths of all.

    Raises:
        MissingError: M107 the file cannot be read, M109 it holds no text.
        ProfileError: M122 it is not UTF-8.
    """
    import numpy as np

    from compactor.base.errors import MissingError, Place, Problem, ProfileError
    from compactor.measuring.feeds import choose_rows

    try:
        content = path.read_bytes()
        lines = [line for line in content.decode("utf-8").splitlines() if line.strip()]
    except OSError as error:
        sentence = f"{path} cannot be read: {error.strerror or error}"
        raise MissingError("M107", sentence, "give a file with one text a line") from error
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        place = Place(str(path), before.count("\n") + 1, len(before) - before.rfind("\n"))
        sentence = f"byte 0x{content[error.start]:02x} is not UTF-8"
        raise ProfileError([Problem("M122", sentence, "save the file as UTF-8", place)]) from error
    if not lines:
        raise MissingError("M109", f"{path} holds no text", "give a file with one text a line")
    # Chosen by characters, so that models with other tokenizers answer the same texts.
    return [lines[row] for row in choose_rows(np.array([len(line) for line in lines]))]


def token_ids(subject: Subject, texts: list[str]) -> list[np.ndarray]:
    """Turn texts into token ids with the model's own tokenizer."""
    import numpy as np
    from tokenizers import Tokenizer

    from compactor.base.errors import MissingError

    if subject.tokenizer is None:
        raise MissingError("M108", f"{subject.id} has no tokenizer.json beside it", "leave --texts out, or give a bundle")
    try:
        tokenizer = Tokenizer.from_file(str(subject.tokenizer))
    except Exception as error:  # the Rust library raises bare Exception
        raise _unreadable(subject.tokenizer, error) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    longest = subject.max_length
    return [np.array(tokenizer.encode(text).ids[:longest], dtype=np.int64) for text in texts]


def parse_shape(given: str) -> tuple[str, list[int]]:
    """Read `NAME=1,3,224,224`, or `NAME=77` for a free dimension."""
    from compactor.base.errors import Problem, ProfileError

    name, _, sizes = given.rpartition("=")
    try:
        shape = [int(size) for size in sizes.split(",")]
    except ValueError:
        shape = []
    if not name or not shape or min(shape) < 0:
        problem = Problem("M131", f"--shape {given} is not understood", "write --shape NAME=1,3,224,224")
        raise ProfileError([problem])
    return name, shape


def beside(model: Path, name: str) -> Path | None:
    """Find a file that belongs to a model: in its folder, or above the `onnx` folder of a bundle."""
    folders = [model.parent, model.parent.parent] if model.parent.name == "onnx" else [model.parent]
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _names(paths: list[Path]) -> list[str]:
    """Return short names that tell the models apart."""
    absolute = [path.absolute() for path in paths]
    for depth in range(1, 1 + max(len(path.parts) for path in absolute)):
        names = ["/".join(path.parts[-depth:]) for path in absolute]
        if len(set(names)) == len(names):
            return names
    return [f"{number} {path.name}" for number, path in enumerate(absolute, start=1)]


def _subject(path: Path, name: str, shapes: dict[str, list[int]]) -> Subject:
    from compactor.base.errors import StageError
    from compactor.measuring.latency import Subject
    from compactor.measuring.size import model_file

    model = model_file(path)
    described: dict[str, Any] = {}
    for file in ("config.json", "manifest.json", "interface.json"):
        found = beside(model, file)
        described |= _description(found) if found is not None else {}
    if path.is_dir() and "larger" in (described.get("cascade") or {}):
        sentence = (
            f"{path} holds two models and a rule between them, and made-up inputs do not tell how often the second one runs"
        )
        raise StageError(
            "M280", sentence, "name one of its ONNX files; the mix of both is in the report of the run that made it"
        )
    tokens = described.get("vocab_size")
    return Subject(
        name,
        model,
        described,
        shapes,
        tokens if isinstance(tokens, int) else FEWEST_IDS,
        table_rows=_table_rows(model),
        tokenizer=beside(model, "tokenizer.json"),
    )


def _description(path: Path) -> dict[str, Any]:
    """Read what lies beside a model; a file that is no JSON object describes something else.

    Raises:
        StageError: M135 it cannot be read.
    """
    from compactor.base.atomic import read_json

    try:
        told = read_json(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    return told if isinstance(told, dict) else {}


def _unreadable(path: Path, error: Exception) -> StageError:
    from compactor.base.errors import StageError

    return StageError("M135", f"{path} cannot be read: {error}", "copy the model's folder again, or move the file away")


def _table_rows(model: Path) -> dict[str, int]:
    """Return the rows of the tables that the graph's inputs index; nothing when the package onnx or the file is not there."""
    from compactor.measuring.tables import table_rows

    if not model.is_file():
        return {}
    try:
        return table_rows(model)
    except ModuleNotFoundError:
        return {}
    except Exception as error:
        # protobuf's own exception, which cannot be named without it; whoever loads the model next says what is wrong with it
        if type(error).__name__ != "DecodeError":
            raise
        return {}
