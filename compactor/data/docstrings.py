"""A text-classification set in every Python: the first paragraph of a docstring, and the chapter of the library reference it belongs to.

Nothing is downloaded or shipped: the running Python's own standard library is read with `ast`. The same Python gives the same set.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import platform
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compactor.base.hashing import hash_value
from compactor.data.chapters import CHAPTERS, chapter_of
from compactor.data.duplicates import normalise

VERSION = 1  # bumped when the same Python would give another set
FEWEST_TEXTS = 100  # a chapter with fewer is left out: it would have less than ten test texts
SKIPPED = frozenset({"test", "tests", "idle_test", "site-packages", "dist-packages", "lib2to3", "__pycache__", "_vendor"})
TEST_SHARE = 0.1


@dataclass(frozen=True)
class Docstrings:
    """The set, in the order of modules and lines.

    Attributes:
        texts: first paragraphs; no two are equal after folding case and spaces.
        chapters: of each text.
        is_test: bool (n,); the same tenth of each chapter whatever the seed.
        further: the other paragraphs, as (position of the text they follow, paragraph).
    """

    texts: tuple[str, ...]
    chapters: tuple[str, ...]
    is_test: np.ndarray
    further: tuple[tuple[int, str], ...]


def library_files() -> list[Path]:
    """Return the standard library's own files, sorted, without tests and installed packages."""
    root = Path(sysconfig.get_paths()["stdlib"])
    documented = [path for path in root.iterdir() if chapter_of(path.name.removesuffix(".py"))]
    files = [file for path in documented for file in (path.rglob("*.py") if path.is_dir() else [path])]
    kept = [path for path in files if path.suffix == ".py" and not SKIPPED & set(path.relative_to(root).parts[:-1])]
    return sorted(kept, key=lambda path: path.relative_to(root).as_posix())


def fingerprint_library() -> str:
    """Return what identifies the set without parsing anything: Python's version, and the size of each file."""
    root = Path(sysconfig.get_paths()["stdlib"])
    sizes = [(path.relative_to(root).as_posix(), path.stat().st_size) for path in library_files()]
    return hash_value({"version": VERSION, "python": platform.python_version(), "files": sizes})


def read_docstrings() -> Docstrings:
    """Parse the standard library and make the set (about 4 s)."""
    gathered: dict[str, _Gathered] = {}
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in library_files():
        chapter = chapter_of(_top(path, root)) or ""
        for docstring in _docstrings(path):
            first, *others = _paragraphs(docstring)
            entry = gathered.setdefault(normalise(first), _Gathered(first, {chapter}, []))
            entry.chapters.add(chapter)
            entry.others.extend(others)
    # A text that stands in two chapters tells nothing of either.
    clear = [entry for entry in gathered.values() if len(entry.chapters) == 1]
    sizes = {chapter: sum(chapter in entry.chapters for entry in clear) for chapter in CHAPTERS}
    kept = [entry for entry in clear if sizes[min(entry.chapters)] >= FEWEST_TEXTS]
    texts, chapters = tuple(entry.first for entry in kept), tuple(min(entry.chapters) for entry in kept)
    further = tuple((position, text) for position, entry in enumerate(kept) for text in entry.others)
    return Docstrings(texts, chapters, _test_tenth(texts, chapters), further)


@dataclass(frozen=True)
class _Gathered:
    first: str
    chapters: set[str]
    others: list[str]


def _top(path: Path, root: Path) -> str:
    return path.relative_to(root).parts[0].removesuffix(".py")


def _docstrings(path: Path) -> Iterator[str]:
    """Yield the docstrings of a file: its own, its classes' and its functions'."""
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError:
        return  # some files of a library are deliberately broken, to test tools
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node, clean=False)
            if docstring and docstring.strip():
                yield inspect.cleandoc(docstring)


def _paragraphs(docstring: str) -> list[str]:
    """Split at blank lines; lines are joined, since their breaks only fit a terminal."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", docstring.strip()) if part.strip()]


def _test_tenth(texts: tuple[str, ...], chapters: tuple[str, ...]) -> np.ndarray:
    """Mark a tenth of each chapter, chosen by the texts' hashes: stable against other texts coming and going."""
    ranks = np.array([int.from_bytes(hashlib.sha256(normalise(text).encode()).digest()[:8]) for text in texts], dtype=np.uint64)
    homes = np.array(chapters)
    is_test = np.zeros(len(texts), dtype=bool)
    for chapter in sorted(set(chapters)):
        members = np.flatnonzero(homes == chapter)
        is_test[members[np.argsort(ranks[members])][: round(len(members) * TEST_SHARE)]] = True
    return is_test
