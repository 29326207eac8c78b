"""Read one YAML 1.2 file into plain data and a table of places: line and column of every key and value."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from compactor.base.errors import Place, Problem, ProfileError

DataPath = tuple[str | int, ...]
LARGEST_BYTES = 1 << 20
MOST_NODES = 20_000
EXCERPT_COLUMNS = 160
SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp")}


@dataclass(frozen=True)
class Places:
    """Where each key and each value of a document stands; paths are tuples such as `("stages", 0, "distill")`."""

    file: str
    keys: dict[DataPath, Place] = field(default_factory=dict)
    values: dict[DataPath, Place] = field(default_factory=dict)

    def key(self, path: DataPath) -> Place:
        """Return the place of the key that ends a path, else of the deepest key or item above it."""
        return self._deepest(path, (self.keys, self.values))

    def value(self, path: DataPath) -> Place:
        """Return the place of the value at a path, else of the deepest value above it."""
        return self._deepest(path, (self.values, self.keys))

    def _deepest(self, path: DataPath, tables: tuple[dict[DataPath, Place], ...]) -> Place:
        for length in range(len(path), -1, -1):
            for table in tables if length == len(path) else (self.keys, self.values):
                if (place := table.get(path[:length])) is not None:
                    return place
        return Place(self.file, 1, 1)


@dataclass(frozen=True)
class Document:
    """What a file says: plain data (dict, list, str, int, float, bool, None), its text and its places."""

    data: Any
    text: str
    places: Places


def read_document(path: Path) -> Document:
    """Read a YAML file whose top is a mapping.

    Raises:
        ProfileError: P001 cannot be read, P002 broken YAML, P003 a key given twice, P005 nothing or no mapping at the top,
            P009 a tag or a key that profiles do not have.
    """
    text = _read_text(path)
    document = parse(text, str(path))
    if not isinstance(document.data, dict):
        what = "is empty" if document.data is None else f"has {describe(document.data)} at its top"
        raise ProfileError(
            [
                Problem(
                    "P005",
                    f"the file {what}",
                    "it must hold settings such as name: my-model",
                    place_of(text.split("\n"), str(path), 0, 0),
                )
            ]
        )
    return document


def parse(text: str, file: str, places_in: str | None = None, column: int = 0) -> Document:
    """Parse YAML text; `places_in` and `column` shift the places when the text is cut out of a longer line."""
    lines = (text if places_in is None else places_in).split("\n")
    try:
        yaml = YAML(typ="safe", pure=True)
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        raise ProfileError([_broken(error, lines, file, column)]) from error
    except (YAMLError, ValueError, RecursionError) as error:
        sentence = f"this is not YAML: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        raise ProfileError([Problem("P002", sentence, "save the file as plain UTF-8 text", Place(file, 1, 1))]) from error
    builder = _Builder(lines, file, column, yaml)
    data = builder.build(root, (), ()) if root is not None else None
    if builder.problems:
        raise ProfileError(builder.problems)
    return Document(data, text, builder.places)


def place_of(lines: list[str], file: str, line: int, column: int) -> Place:
    """Return the place of a line and column that count from 0, with the line as excerpt."""
    excerpt = lines[line].replace("\t", " ").rstrip() if line < len(lines) else ""
    longest = max(EXCERPT_COLUMNS, column + 20)
    return Place(file, line + 1, column + 1, excerpt if len(excerpt) <= longest else excerpt[:longest] + "...")


def describe(value: Any) -> str:
    """Say in plain words what a value is: `a list`, `the text 'abc'`, `nothing`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "settings" if value else "empty settings"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return f"the text {value[:40]!r}{'...' if len(value) > 40 else ''}"
    return f"{value}"


def _read_text(path: Path) -> str:
    def problem(sentence: str, hint: str, place: Place | None = None) -> ProfileError:
        return ProfileError([Problem("P001", sentence, hint, place)])

    try:
        if path.is_dir():
            raise problem(f"{path} is a folder", "give the path of a YAML file")
        if path.is_file() and path.stat().st_size > LARGEST_BYTES:
            raise problem(f"{path} is larger than 1 MB, too large for a profile", "is it a data file?")
        content = path.read_bytes()
    except FileNotFoundError:
        raise problem(f"there is no file {path}", "compactor init writes a profile") from None
    except OSError as error:
        raise problem(f"{path} cannot be read: {error.strerror or error}", "check the path and its permissions") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        place = Place(str(path), line, column)
        raise problem(f"byte 0x{content[error.start]:02x} is not UTF-8", "save the file as UTF-8", place) from None


def _broken(error: MarkedYAMLError, lines: list[str], file: str, column: int) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = place_of(lines, file, mark.line, mark.column + column) if mark else Place(file, 1, 1)
    sentence = (error.problem or error.context or "it cannot be read").strip()
    hint = "check indentation, colons, brackets and quotes here and on the line above"
    if "\\t" in sentence:
        sentence, hint = "a tab stands where YAML allows only spaces", "indent with spaces"
    elif "mapping values are not allowed" in sentence:
        sentence, hint = "a second colon on this line, or a wrong indentation", "put text with ': ' in quotes"
    elif "but found another document" in sentence:
        sentence, hint = "a second document begins here", "a profile is one document: remove the '---'"
    elif "undefined alias" in sentence:
        hint = "put text that begins with * in quotes"
    return Problem("P002", f"this is not YAML: {sentence}", hint, place)


class _Builder:
    """Turns composed nodes into plain data, filling the table of places and collecting problems."""

    def __init__(self, lines: list[str], file: str, column: int, yaml: YAML) -> None:
        self.lines, self.file, self.column = lines, file, column
        self.places = Places(file)
        self.problems: list[Problem] = []
        self._constructor = yaml.constructor
        self._nodes = 0

    def build(self, node: Node, path: DataPath, above: tuple[int, ...]) -> Any:
        place = self._place(node)
        self.places.values[path] = place
        self._nodes += 1
        if id(node) in above or self._nodes > MOST_NODES:
            self._problem("P009", "too many values: does an alias repeat itself?", "write the settings out", place, once=True)
            return None
        above = (*above, id(node))
        if isinstance(node, MappingNode) and str(node.tag).endswith(":map"):
            return self._mapping(node, path, above)
        if isinstance(node, SequenceNode) and str(node.tag).endswith(":seq"):
            return [self.build(item, (*path, number), above) for number, item in enumerate(node.value)]
        if isinstance(node, ScalarNode) and node.tag in SCALARS:
            return self._scalar(node, place)
        self._problem(
            "P009", f"the tag {node.tag} is not known", "a profile is plain data: write the value without a tag", place
        )
        return None

    def _mapping(self, node: MappingNode, path: DataPath, above: tuple[int, ...]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = self._place(key_node)
            if not isinstance(key_node, ScalarNode) or key_node.tag not in SCALARS:
                merge = isinstance(key_node, ScalarNode) and key_node.value == "<<"
                what = "merge keys (<<) are not part of YAML 1.2" if merge else "a setting's name must be plain text"
                self._problem("P009", what, "write the settings out", place)
                continue
            key = str(key_node.value)
            if key in data:
                first = self.places.keys[(*path, key)]
                self._problem("P003", f"{key!r} is given twice", f"first on line {first.line}", place)
                continue
            self.places.keys[(*path, key)] = place
            data[key] = self.build(value_node, (*path, key), above)
        return data

    def _scalar(self, node: ScalarNode, place: Place) -> Hashable:
        if str(node.tag).endswith((":str", ":timestamp")):
            return str(node.value)
        try:
            value: Hashable = self._constructor.construct_object(node)
        except (ValueError, KeyError, YAMLError):  # KeyError: of an explicit !!bool that is neither
            return str(node.value)
        if isinstance(value, float) and not math.isfinite(value):
            self._problem("P006", f"{node.value} is not a number that a setting can have", "give a finite number", place)
        return value

    def _place(self, node: Node) -> Place:
        mark = node.start_mark
        return place_of(self.lines, self.file, mark.line, mark.column + self.column)

    def _problem(self, code: str, sentence: str, hint: str, place: Place, *, once: bool = False) -> None:
        if once and any(problem.sentence == sentence for problem in self.problems):
            return
        self.problems.append(Problem(code, sentence, hint, place))
