"""The command `compactor`: finds the verb, runs it, and tells every failure in one clear text with its exit status."""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import compactor
from compactor.base.errors import CompactorError, MissingError, ProfileError, disk_error

FOLDER = Path(__file__).parent
NOT_VERBS = {"main", "say"}
# Verbs that only read and tell.
BRIEF = {None, "compare", "plan", "report", "schema", "status", "targets", "validate"}
# Verbs that go on where they were stopped.
CONTINUES = {"run"}
# What brings a package that is not installed; everything else that compactor imports comes with the toolchain.
BROUGHT_BY = {"numpy": "", "onnxruntime": "", "tokenizers": "", "datasets": "[hub]", "optimum": "[optimum]"}
TOOLCHAIN = {
    "onnx",
    "pyarrow",
    "pydantic",
    "rich",
    "ruamel",
    "safetensors",
    "sklearn",
    "seqeval",
    "torch",
    "torch_pruning",
    "transformers",
}
DESCRIPTION = "Distill, prune, quantize and export a transformer to ONNX, measuring every stage on the target."
EPILOG = (
    "exit status: 0 done, 1 failed, 2 the profile or the command is wrong, 3 a budget is missed, 4 something is not installed"
)


def verbs() -> list[str]:
    """List the verbs: the files of this folder, without importing any."""
    names = (path.stem for path in FOLDER.glob("*.py"))
    return sorted(name for name in names if name not in NOT_VERBS and not name.startswith("_"))


def help_line(verb: str) -> str:
    """Return the first line of a verb's docstring, read from its source without importing it."""
    import ast

    text = ast.get_docstring(ast.parse((FOLDER / f"{verb}.py").read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; no traceback reaches a user without `--debug`.

    Args:
        arguments: the words after `compactor`; without them this is the command itself, and the process is its own.
    """
    if arguments is not None:
        return _answer(list(arguments))
    given = sys.argv[1:]
    # Settings mean the same whatever else is installed; and to look for plugins is to read the metadata of every package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if _verb(given) not in BRIEF:
        return _answer(given)
    _leave_plugins_alone()
    # All that a brief command makes lives until its end: to look for garbage takes a tenth of its time and finds none.
    gc.disable()
    status = _answer(given)
    gc.freeze()
    return status


def _leave_plugins_alone() -> None:
    """Put an empty module in the place of pydantic's loader of plugins, whose imports take a sixteenth of a check to load none.

    A pydantic that has its loader elsewhere takes no notice.
    """
    name = "pydantic.plugin._loader"
    if os.environ["PYDANTIC_DISABLE_PLUGINS"] == "__all__" and name not in sys.modules:
        sys.modules[name] = ModuleType(name)
        sys.modules[name].get_plugins = tuple  # type: ignore[attr-defined]


def _answer(given: list[str]) -> int:
    debug = "--debug" in given
    try:
        return _run(given)
    except KeyboardInterrupt:
        print(f"\nstopped{'; the same command continues' if _verb(given) in CONTINUES else ''}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of the pipe has gone (`| head`); the interpreter would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if debug:
            import traceback

            traceback.print_exc()
        told = _told(error)
        if told is None:
            where = "" if debug else "; run the same command with --debug to see where"
            print(f"internal error: {type(error).__name__}: {error}{where}", file=sys.stderr)
            return 1
        print(told, file=sys.stderr)
        if isinstance(told, ProfileError) and len(told.problems) > 1:
            print(f"{len(told.problems)} problems", file=sys.stderr)
        return told.exit_status


def _told(error: Exception) -> CompactorError | None:
    """Return the error as one that a user can read, or None for a mistake of our own."""
    if isinstance(error, CompactorError):
        return error
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("compactor"):
        package = error.name.partition(".")[0]
        known = package in TOOLCHAIN or package in BROUGHT_BY
        install = f'pip install "compactor{BROUGHT_BY.get(package, "[toolchain]")}"' if known else f"pip install {package}"
        return MissingError("R401", f"the package {package} is not installed", install)
    if isinstance(error, OSError) and error.filename is not None and not isinstance(error, FileNotFoundError):
        return disk_error(error, Path(str(error.filename)))
    if isinstance(error, MemoryError):
        return CompactorError("R103", "the memory is full", "close other programs, or use a smaller batch_size")
    return None


def _verb(given: list[str]) -> str | None:
    return next((word for word in given if not word.startswith("-")), None)


def _run(given: list[str]) -> int:
    chosen = _verb(given)
    parser = argparse.ArgumentParser(prog="compactor", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"compactor {compactor.__version__}")
    parser.add_argument("--debug", action="store_true", help="show where an error arose")
    known = verbs()
    if chosen is not None and chosen not in known:
        from compactor.base.suggest import did_you_mean

        parser.error(f"there is no verb {chosen!r} ({did_you_mean(chosen, known, most=20)})")
    commands = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    if chosen is None:
        for verb in known:
            commands.add_parser(verb, help=help_line(verb))
        parser.parse_args(given)
        parser.print_help()
        return 0
    module = importlib.import_module(f"compactor.cli.{chosen}")
    command = commands.add_parser(chosen, description=help_line(chosen))
    command.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show where an error arose")
    module.add_arguments(command)
    status = module.run(parser.parse_args(given))
    sys.stdout.flush()
    return int(status)
