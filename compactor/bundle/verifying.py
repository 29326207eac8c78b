"""Prove that a bundle is whole and still answers as it did when built. Needs what an app needs, and nothing more."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.errors import CompactorError
from compactor.base.hashing import hash_file
from compactor.bundle import golden as golden_answers
from compactor.bundle.layout import CASCADE_SCHEMA, CONFIG, GOLDEN, LABELS, MANIFEST, PROCESSOR, SCHEMA, TOKENIZER, UNHASHED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compactor.runtime import Model

# What a reader of manifest.json may rely on.
REQUIRED = (
    *(
        "name",
        "task",
        "answer",
        "model",
        "precision",
        "inputs",
        "outputs",
        "labels",
        "pair",
        "max_length",
        "pad_id",
        "truncation",
        "padding",
    ),
    *(
        "opset",
        "ir_version",
        "contrib_domains",
        "oldest_onnxruntime",
        "providers",
        "instruction_sets",
        "session",
        "made",
        "files",
    ),
)
SHOWN = 3


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: `passed`, `failed`, or `skipped` because an earlier one failed."""

    name: str
    status: str
    sentence: str


@dataclass(frozen=True)
class Verification:
    """What was found of a bundle."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Every check was done, and passed."""
        return all(check.status == "passed" for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: `passed` and `checks`."""
        return {"passed": self.passed, "checks": [asdict(check) for check in self.checks]}


class _FailedError(Exception):
    """A check did not pass; the sentence says why."""


def verify(folder: Path, *, threads: int = 1, providers: Sequence[str] | None = None) -> Verification:
    """Check a bundle: manifest, hashes, no stray files, labels, runtime, provider, token ids, outputs, answers.

    Args:
        folder: the bundle.
        threads: of the session; the golden outputs were made on one.
        providers: execution providers to use instead of the bundle's.

    Returns:
        One check for each; what cannot be tried any more is `skipped`.
    """
    state: dict[str, Any] = {"folder": folder, "threads": threads, "providers": providers}
    done: list[Check] = []
    for name, need, look in CHECKS:
        if any(check.name in need and check.status != "passed" for check in done):
            done.append(Check(name, "skipped", "an earlier check failed"))
            continue
        try:
            done.append(Check(name, "passed", look(state)))
        except (_FailedError, CompactorError) as error:
            done.append(Check(name, "failed", str(error)))
        except (OSError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            done.append(Check(name, "failed", f"{type(error).__name__}: {error}"))
        except Exception as error:  # onnxruntime's classes share no base but Exception
            if not type(error).__module__.startswith("onnxruntime"):
                raise
            done.append(Check(name, "failed", str(error).strip().partition("\n")[0]))
    return Verification(tuple(done))


def _manifest(state: dict[str, Any]) -> str:
    manifest = _json(state["folder"] / MANIFEST)
    if manifest.get("schema") not in (SCHEMA, CASCADE_SCHEMA):
        raise _FailedError(f"schema {manifest.get('schema')}, this compactor reads {CASCADE_SCHEMA}: upgrade compactor")
    missing = [name for name in REQUIRED if name not in manifest]
    if missing:
        raise _FailedError(f"{MANIFEST} does not state {', '.join(missing)}")
    state["manifest"] = manifest
    return f"{manifest['name']}: {manifest['task']}, {manifest['precision']}, opset {manifest['opset']}"


def _files(state: dict[str, Any]) -> str:
    folder: Path = state["folder"]
    files: dict[str, dict[str, Any]] = state["manifest"]["files"]
    reader = PROCESSOR if state["manifest"].get("image") else TOKENIZER
    needed = {state["manifest"]["model"], GOLDEN, LABELS, CONFIG, reader}
    wrong = [f"{path} is not listed" for path in sorted(needed - files.keys())]
    for path, entry in files.items():
        if not (folder / path).resolve().is_relative_to(folder.resolve()):
            wrong.append(f"{path} does not lie in the bundle")
        elif not (folder / path).is_file():
            wrong.append(f"{path} is missing")
        elif hash_file(folder / path) != entry["sha256"]:
            wrong.append(f"{path} has changed since it was built")
    _none(wrong)
    return f"{len(files)} files have the hashes of the manifest"


def _strays(state: dict[str, Any]) -> str:
    folder: Path = state["folder"]
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    _none([f"{path} does not belong here" for path in sorted(present - state["manifest"]["files"].keys() - UNHASHED)])
    return "no file that the manifest does not know"


def _labels(state: dict[str, Any]) -> str:
    labels = state["manifest"]["labels"]
    named = _json(state["folder"] / CONFIG).get("id2label", {})
    if _json(state["folder"] / LABELS) != labels or [named.get(str(number)) for number in range(len(labels))] != labels:
        raise _FailedError(f"{MANIFEST}, {LABELS} and {CONFIG} do not name the same labels in the same order")
    return f"{len(labels)} labels, the same in {MANIFEST}, {LABELS} and {CONFIG}"


def _loads(state: dict[str, Any]) -> str:
    import onnxruntime

    from compactor import runtime

    state["model"] = runtime.load(state["folder"], threads=state["threads"], providers=state["providers"])
    return f"onnxruntime {onnxruntime.__version__} (oldest that can: {state['manifest']['oldest_onnxruntime']})"


def _provider(state: dict[str, Any]) -> str:
    model: Model = state["model"]
    wanted = (state["providers"] or state["manifest"]["providers"])[0]
    if model.providers[0] != wanted:
        raise _FailedError(f"{wanted} was asked for, onnxruntime uses {model.providers[0]}")
    return f"{wanted} is used"


def _ids(state: dict[str, Any]) -> str:
    state["golden"] = _json(state["folder"] / GOLDEN)
    _none(golden_answers.wrong_ids(state["model"], state["golden"]))
    count = len(state["golden"]["cases"])
    if state["manifest"].get("image"):
        return f"{count} images are prepared as they were, to within one grey level"
    return f"the tokenizer gives the same ids for {count} texts"


def _outputs(state: dict[str, Any]) -> str:
    _none(golden_answers.wrong_outputs(state["model"], state["golden"]))
    return str(state["golden"]["tolerance"]["told"])


def _answers(state: dict[str, Any]) -> str:
    _none(golden_answers.wrong_answers(state["model"], state["golden"]))
    decided = sum(case["decided"] for case in state["golden"]["cases"])
    return f"the same label for the {decided} {'images' if state['manifest'].get('image') else 'texts'} that have a clear one"


# Name, the checks without which it cannot be tried, and how it is done.
CHECKS: tuple[tuple[str, tuple[str, ...], Callable[[dict[str, Any]], str]], ...] = (
    ("manifest", (), _manifest),
    ("files", ("manifest",), _files),
    ("nothing else", ("manifest",), _strays),
    ("labels", ("manifest",), _labels),
    ("loads", ("manifest",), _loads),
    ("provider", ("loads",), _provider),
    ("token ids", ("loads",), _ids),
    ("outputs", ("loads", "token ids"), _outputs),
    ("answers", ("loads", "token ids"), _answers),
)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise _FailedError(f"there is no {path.name}") from error
    except ValueError as error:
        raise _FailedError(f"{path.name} is not JSON: {error}") from error


def _none(wrong: list[str]) -> None:
    """Fail with the first few of what is wrong."""
    if wrong:
        more = f", and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise _FailedError("; ".join(wrong[:SHOWN]) + more)
