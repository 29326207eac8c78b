"""Proofs about the whole house: arrows point down, the door is light, files are small, everything shipped is right."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compactor.cli.main import verbs
from compactor.pipeline.profile import load_profile

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "compactor"
FILES = sorted(PACKAGE.rglob("*.py"))
PROFILES = sorted((ROOT / "profiles").rglob("*.yaml"))
LONGEST_FILE, LONGEST_FUNCTION = 300, 60

FLOORS = (
    {"base"},
    {"tasks", "models", "data", "targets", "runtime"},
    {"distillation", "augmentation", "pruning", "quantization", "exporting", "cascading", "measuring", "checks", "bundle"},
    {"stages"},
    {"pipeline"},
    {"report"},
    {"cli"},
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
HEAVY = {
    "torch",
    "transformers",
    "onnx",
    "onnxruntime",
    "sklearn",
    "seqeval",
    "datasets",
    "pyarrow",
    "torch_pruning",
    "tokenizers",
    "numpy",
}
# What the runtime shares with the rest: how errors are told, how many cores may be used, how an image becomes numbers.
GROUND = {"compactor.base.errors", "compactor.base.environment", "compactor.base.images"}
GROUND_FILES = [ROOT / f"{module.replace('.', '/')}.py" for module in sorted(GROUND)]
WORKER_FILES = sorted((PACKAGE / "measuring" / "worker").glob("*.py"))  # packed into one file, alone on a board
TORCH_FREE = {"numpy", "onnxruntime", "tokenizers", "PIL"}
NAMES_WITHOUT_MEANING = {"utils", "util", "helpers", "helper", "common", "misc"}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Yield line, module and "for annotations only" of every import in a file, those inside functions included."""
    whole = tree(path)
    guards = [node for node in ast.walk(whole) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    annotating = {id(node) for guard in guards for part in guard.body for node in ast.walk(part)}
    for node in ast.walk(whole):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, id(node) in annotating) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)}:{node.lineno}: a relative import"
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "compactor" else [module]
            yield from ((node.lineno, name, id(node) in annotating) for name in names)


def test_every_room_has_a_floor():
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert rooms == set(FLOOR)


@pytest.mark.parametrize("path", FILES, ids=named)
def test_imports_point_down(path):
    room = path.relative_to(PACKAGE).parts[0]
    if room not in FLOOR:
        return  # compactor/__init__.py and __main__.py stand before the house
    for line, module, annotating in imported(path):
        first, _, rest = module.partition(".")
        other = rest.partition(".")[0]
        if first != "compactor" or other not in FLOOR or other == room:
            continue
        # A neighbour on the same floor may be named in annotations, such as a Task handed in; it is not imported at run time.
        below = FLOOR[other] < FLOOR[room] or (annotating and FLOOR[other] == FLOOR[room])
        assert below, f"{named(path)}:{line}: {room} (floor {FLOOR[room]}) imports {other} (floor {FLOOR[other]})"


@pytest.mark.parametrize("path", [*(PACKAGE / "runtime").glob("*.py"), *WORKER_FILES, *GROUND_FILES], ids=named)
def test_what_an_app_needs_is_torch_free_and_alone(path):
    for line, module, annotating in imported(path):
        first = module.partition(".")[0]
        own = (module.startswith("compactor.runtime") or module in GROUND) and path.parent.name == "runtime"
        own = own or (module in {"compactor", *GROUND} and path in GROUND_FILES)  # for its version
        own = own or (f"{module}.".startswith("compactor.measuring.worker.") and path in WORKER_FILES)
        assert own or annotating or first in sys.stdlib_module_names | TORCH_FREE, f"{named(path)}:{line}: imports {module}"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_says_what_it_is_and_stays_small(path):
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{named(path)} has no docstring"
    assert text.count("\n") <= LONGEST_FILE, f"{named(path)} has {text.count(chr(10))} lines"
    assert path.stem not in NAMES_WITHOUT_MEANING
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{named(path)}:{node.lineno}: {node.name} has {length} lines"


@pytest.mark.parametrize("verb", verbs())
def test_a_verb_has_a_help_line_and_both_functions(verb):
    module = tree(PACKAGE / "cli" / f"{verb}.py")
    functions = {node.name for node in module.body if isinstance(node, ast.FunctionDef)}
    assert {"add_arguments", "run"} <= functions
    assert ast.get_docstring(module)


def watched(code: str, home: Path, *arguments: str, without: tuple[str, ...] = ()) -> dict[str, object]:
    """Run code in a fresh interpreter and return its heavy modules, its sockets and what it printed.

    Args:
        code: Python to run; `main` is at hand.
        home: becomes HOME, to see what is written there.
        arguments: become sys.argv.
        without: packages that shall seem not to be installed.
    """
    script = f"""
import sys, json, io, contextlib
sockets = []
sys.addaudithook(lambda event, _: sockets.append(event) if event.startswith("socket.") else None)
sys.modules.update(dict.fromkeys({without!r}))
out, err, status = io.StringIO(), io.StringIO(), None
with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
    try:
        from compactor.cli.main import main
        {code}
    except SystemExit as end:
        status = end.code
loaded = sorted({HEAVY!r} & {{name for name, module in sys.modules.items() if module is not None}})
print(json.dumps(dict(heavy=loaded, sockets=sockets, status=status, out=out.getvalue(), err=err.getvalue())))
"""
    environment = {**os.environ, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, cwd=ROOT, env=environment, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "code",
    [
        "status = main(['--help'])",
        "status = main(['run', '--help'])",
        "status = main(['validate', '--no-files', *sys.argv[1:]])",
        "status = main(['schema'])",
        "status = main(['doctor'])",
        "status = main(['targets'])",
        "from compactor.stages import STAGES; status = [STAGES.load(n) for n in STAGES.names()] and 0",
        "from compactor.distillation.losses import LOSSES; status = [LOSSES.load(n) for n in LOSSES.names()] and 0",
        "from compactor.tasks import TASKS; status = [TASKS.load(n) for n in TASKS.names()] and 0",
    ],
    ids=["help", "run-help", "validate", "schema", "doctor", "targets", "stages", "losses", "tasks"],
)
def test_the_door_is_light(code, tmp_path):
    seen = watched(code, tmp_path, *map(str, PROFILES))
    # numpy is light enough for an app to load a bundle, and too heavy to say that a profile is wrong.
    assert set(seen["heavy"]) <= ({"numpy"} if "load" in code else set())
    assert seen["sockets"] == []
    assert not list(tmp_path.iterdir()), "something was written under HOME"
    assert seen["status"] == 0, seen["err"]


@pytest.mark.parametrize(
    "words", [["--help"], ["doctor"], ["verify", "--help"], ["try", "--help"], ["bench", "--help"]], ids=" ".join
)
def test_the_door_opens_without_the_toolchain(words, tmp_path):
    seen = watched(f"status = main({words!r})", tmp_path, without=("pydantic", "ruamel", "ruamel.yaml", "rich", "torch"))
    assert seen["status"] == 0, seen["err"]


def test_a_verb_that_needs_the_toolchain_says_what_to_type(tmp_path):
    seen = watched("status = main(['validate', 'profiles/quickstart.yaml'])", tmp_path, without=("pydantic",))
    assert seen["status"] == 4
    assert seen["err"] == 'R401: the package pydantic is not installed (pip install "compactor[toolchain]")\n'


@pytest.mark.parametrize("path", PROFILES, ids=named)
def test_a_shipped_profile_is_right(path):
    profile = load_profile(path, check_files=False)
    assert profile.name == path.stem, "the run folder has the profile's name"
