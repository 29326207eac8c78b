"""Every key and value has its place; what is not a profile is refused in one clear line."""

from __future__ import annotations

import pytest

from compactor.base.errors import ProfileError
from compactor.pipeline.reader import parse, read_document

GOOD = """\
# a comment
name: tiny
data: {train: 'a b.csv', limit: 1e3}
stages:
  - teacher: {model: ./m}
  - distill:
      losses: [{hinton: {temperature: 4}}]
"""


def spot(place):
    return place.line, place.column


def test_data_and_places(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(GOOD)
    document = read_document(path)
    assert document.data["data"] == {"train": "a b.csv", "limit": 1000.0}
    places = document.places
    assert spot(places.key(("name",))) == (2, 1)
    assert spot(places.value(("name",))) == (2, 7)
    assert spot(places.key(("stages", 1, "distill", "losses", 0, "hinton", "temperature"))) == (7, 26)
    assert spot(places.value(("stages", 1, "distill", "losses", 0, "hinton", "temperature"))) == (7, 39)
    assert places.value(("name",)).excerpt == "name: tiny"


def test_a_path_that_is_not_there_falls_back_to_the_deepest_that_is(tmp_path):
    places = parse(GOOD, "p").places
    assert spot(places.key(("stages", 0, "teacher", "nothing", 3))) == (5, 5)
    assert spot(places.value(("nowhere",))) == (1, 1) or spot(places.value(("nowhere",))) == (2, 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("1e-4", 1e-4),
        ("2020-01-02", "2020-01-02"),
        ("~", None),
        ("true", True),
        ("012", 12),
        ("'3'", "3"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    read = parse(f"a: {text}", "p").data["a"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "line", "column", "code", "words"),
    [
        ("a:\n\t- b\n", 2, 1, "P002", "a tab stands where YAML allows only spaces"),
        ("a: [1\nb: 2\n", 2, 2, "P002", "expected ',' or ']'"),
        ("a: b: c\n", 1, 5, "P002", "a second colon"),
        ("a: 1\nb: 2\na: 3\n", 3, 1, "P003", "'a' is given twice (first on line 1)"),
        ("a: {b: 1, b: 2}\n", 1, 11, "P003", "'b' is given twice"),
        ("a: !foo 3\n", 1, 4, "P009", "the tag !foo is not known"),
        ("a: !!python/object:os.system {}\n", 1, 4, "P009", "is not known"),
        ("x: &x {b: 1}\na:\n  <<: *x\n", 3, 3, "P009", "merge keys"),
        ("? [1]\n: 2\n", 1, 3, "P009", "plain text"),
        ("a: &x [1, *x]\n", 1, 4, "P009", "does an alias repeat itself"),
        ("a: *x\n", 1, 4, "P002", "undefined alias"),
        ("a: 1\n---\nb: 2\n", 2, 1, "P002", "a second document"),
        ("a: .nan\n", 1, 4, "P006", "not a number"),
        ("a: \x07\n", 1, 1, "P002", "not YAML"),
        ("- a\n", 1, 1, "P005", "a list at its top"),
        ("just words\n", 1, 1, "P005", "'just words'"),
        ("", 1, 1, "P005", "is empty"),
        ("# only a comment\n", 1, 1, "P005", "is empty"),
    ],
)
def test_what_is_not_a_profile_is_told_with_its_place(tmp_path, text, line, column, code, words):
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(ProfileError) as caught:
        read_document(path)
    (problem,) = caught.value.problems
    assert spot(problem.place) == (line, column)
    assert problem.code == code
    assert words in str(problem)


def test_aliases_that_multiply_are_stopped(tmp_path):
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(ProfileError, match="too many values"):
        parse("\n".join(lines), "p")


def test_a_file_that_is_not_utf_8_names_the_byte(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_bytes(b"name: x\ntask: caf\xe9\n")
    with pytest.raises(ProfileError) as caught:
        read_document(path)
    assert str(caught.value) == f"{path}:2:10: P001: byte 0xe9 is not UTF-8 (save the file as UTF-8)"


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(ProfileError, match="there is no file"):
        read_document(tmp_path / "none.yaml")
    with pytest.raises(ProfileError, match="is a folder"):
        read_document(tmp_path)


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: x\r\ntask: y\r\n")
    document = read_document(path)
    assert document.data == {"name": "x", "task": "y"}
    assert document.places.value(("name",)).excerpt == "name: x"


@pytest.mark.parametrize("text", ["a: !!bool maybe\n", "a: !!int few\n", "a: !!float much\n", "a: !!timestamp today\n"])
def test_a_value_that_is_not_of_its_tag_is_read_as_text_for_the_settings_to_refuse(text):
    assert parse(text, "p.yaml").data == {"a": text.split()[-1]}
