"""`--set distill.train.epochs=1`: settings of a profile overridden from the command line, with their places."""

from __future__ import annotations

import io
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from compactor.base.errors import Place, Problem, ProfileError
from compactor.base.suggest import did_you_mean
from compactor.pipeline.head import Head
from compactor.pipeline.reader import DataPath, Document, Places, describe, parse
from compactor.pipeline.steps import entries
from compactor.pipeline.translate import value_at

FILE = "--set"
TOP = tuple(Head.model_fields)


def override(document: Document, overrides: Sequence[str]) -> Document:
    """Return the document with each `name=value` applied, in order; the value is YAML.

    The first word of a name is a top-level setting or the label of a stage (`distill`, `distill-2`); an item of a list is named by
    its number, or by its own name when it is a mapping with one (`distill.losses.hinton.temperature=2`).

    Raises:
        ProfileError: P050 no '=', P051 no such stage or setting at the start, P052 the way leads through a plain value.
    """
    if not overrides:
        return document
    data = deepcopy(document.data)
    places = Places(document.places.file, dict(document.places.keys), dict(document.places.values))
    for path in _open_names(data):
        places.keys[path] = places.value(path)
    problems: list[Problem] = []
    changes: list[tuple[DataPath, Any]] = []
    for text in overrides:
        try:
            path, value, found = _read(text, data)
            _put(data, path, value, text)
        except ProfileError as error:
            problems += error.problems
            continue
        _drop(places, path)
        _note(places, path, found, text)
        changes.append((path, value))
    if problems:
        raise ProfileError(problems)
    return Document(data, _text_of(data, document.text, changes), places)


def _read(text: str, data: dict[str, Any]) -> tuple[DataPath, Any, Document]:
    """Split `a.b=c` and return the path in the data, the value, and the parsed value with its places."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise _problem("P050", f"{text!r} sets nothing", "write name=value, such as distill.train.epochs=1", text)
    found = parse(value, FILE, places_in=text, column=len(name) + 1)
    return _path(name.strip().split("."), data, text), found.data, found


def _open_names(data: Any) -> list[DataPath]:
    """Turn each stage that is a name alone (`- export`) into one that can take settings (`- export:`); return their paths."""
    stages, opened = data.get("stages"), list[DataPath]()
    for number, item in enumerate(stages if isinstance(stages, list) else []):
        if isinstance(item, str):
            stages[number] = {item: None}
            opened.append(("stages", number, item))
    return opened


def _path(words: list[str], data: dict[str, Any], text: str) -> DataPath:
    staged = {entry.label: entry.path for entry in entries(data.get("stages"))}
    first, *rest = words
    if first in staged:
        path = staged[first]
    elif first in TOP:
        path = (first,)
    else:
        known = [*staged, *TOP]
        raise _problem("P051", f"{first!r} is no stage of this profile and no setting", did_you_mean(first, known), text)
    current = value_at(data, path)
    for word in rest:
        step = _step(current, word)
        if isinstance(current, list) and isinstance(step, tuple) and not _has(current, step):
            column = text.index(word)
            raise _problem("P052", f"the list has no item {word!r}", f"it has {len(current)}, counted from 0", text, column)
        path = (*path, *step)
        current = value_at(current, step)
    return path


def _step(current: Any, word: str) -> DataPath:
    """Return the way from a value to what `word` names in it."""
    if not isinstance(current, list):
        return (word,)
    for number, item in enumerate(current):
        if isinstance(item, dict) and list(item) == [word]:
            return (number, word)
    return (int(word),) if word.isdecimal() else (len(current),)


def _has(current: list[Any], step: DataPath) -> bool:
    return isinstance(step[0], int) and step[0] < len(current)


def _put(data: Any, path: DataPath, value: Any, text: str = "") -> None:
    """Set a value in nested data (plain, or as ruamel keeps it), making mappings where there are none yet."""
    for index, word in enumerate(path[:-1]):
        following = value_at(data, (word,))
        if following is None:
            data[word] = {}
            following = data[word]
        if not isinstance(following, (dict, list)):
            sentence = f"{word} is {describe(following)}, it has no setting {path[index + 1]!r}"
            raise _problem("P052", sentence, f"set {word} itself", text)
        data = following
    data[path[-1]] = value


def _drop(places: Places, path: DataPath) -> None:
    """Forget the places of what was replaced."""
    for table in (places.keys, places.values):
        for known in [known for known in table if known[: len(path)] == path and known != path]:
            del table[known]


def _note(places: Places, path: DataPath, found: Document, text: str) -> None:
    """Let errors about an overridden value, or about its name, point at the `--set` text."""
    name = text.partition("=")[0]
    for length in range(1, len(path) + 1):
        key = path[:length]
        if length == len(path) or (key not in places.keys and key not in places.values):
            words = name.split(".")
            column = len(".".join(words[:-1])) + (1 if len(words) > 1 else 0) if length == len(path) else 0
            places.keys[key] = places.values[key] = Place(FILE, 1, column + 1, text)
    for table, inner in ((places.keys, found.places.keys), (places.values, found.places.values)):
        table.update({(*path, *inside): place for inside, place in inner.items()})


def _text_of(data: dict[str, Any], text: str, changes: list[tuple[DataPath, Any]]) -> str:
    """Return YAML that says what the data is: the text with the changes, or, where that says something else, the data written anew.

    A part that the text shares by an anchor is changed for one place only, and its text has but one place for all.
    """
    changed = _rewritten(text, changes)
    try:
        said = parse(changed, FILE).data
    except ProfileError:
        return _plain(data)
    _open_names(said)
    return changed if said == data else _plain(data)


def _plain(data: dict[str, Any]) -> str:
    """Write data as YAML without anchors."""
    yaml = _yaml()
    yaml.representer.ignore_aliases = lambda *_: True
    stream = io.StringIO()
    yaml.dump(deepcopy(data), stream)
    return stream.getvalue()


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.preserve_quotes = True
    return yaml


def _rewritten(text: str, changes: list[tuple[DataPath, Any]]) -> str:
    """Apply the changes to the YAML text itself, so that comments and order stay."""
    yaml = _yaml()
    tree = yaml.load(text)
    for path, value in changes:
        if path[0] == "stages" and len(path) > 2 and isinstance(tree["stages"][path[1]], str):
            tree["stages"][path[1]] = {path[2]: None}
        _put(tree, path, deepcopy(value))
    stream = io.StringIO()
    yaml.dump(tree, stream)
    return stream.getvalue()


def _problem(code: str, sentence: str, hint: str, text: str, column: int = 0) -> ProfileError:
    return ProfileError([Problem(code, sentence, hint, Place(FILE, 1, column + 1, text))])
