"""json lists and json lines."""

from __future__ import annotations

import json

import pytest

from compactor.data import read_json
from tests.data.conftest import rows_of

OBJECTS = [{"text": f'text {n} é\n\t"{{[', "label": n % 2, "more": {"deep": [n, None]}} for n in range(40)]


@pytest.mark.parametrize("block", [1, 7, 64, 1 << 20])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_is_read_in_pieces_of_any_size(write, open_, monkeypatch, block, indent):
    monkeypatch.setattr(read_json, "BLOCK_CHARACTERS", block)
    monkeypatch.setattr(read_json, "BLOCK_ROWS", 7)
    data = open_(train=write("a.json", json.dumps(OBJECTS, indent=indent)))
    assert rows_of(data) == sorted((value["text"], str(value["label"])) for value in OBJECTS)


def test_lines(write, open_):
    lines = "\n".join(json.dumps(value, ensure_ascii=False) for value in OBJECTS) + "\n\n"
    assert rows_of(open_(train=write("a.jsonl", lines))) == sorted((value["text"], str(value["label"])) for value in OBJECTS)


def test_texts_like_dates_stay_text(write, open_):
    lines = "".join(json.dumps({"text": f"2020-01-0{n}", "label": "ab"[n % 2]}) + "\n" for n in range(1, 7))
    assert rows_of(open_(train=write("a.jsonl", lines)))[0] == ("2020-01-01", "b")


def test_a_broken_line_has_its_place(write, refused):
    message = refused("D104", train=write("a.jsonl", '{"text": "a", "label": "x"}\n{"text": "a", "label": }\n'))
    assert message.startswith("a.jsonl:2:24: D104")


@pytest.mark.parametrize(
    "content", ['{"data": []}', '[{"text": "a", "label": 1}', '[{"text": "a", "label": 1}, oops]', "[1, 2]", "3"]
)
def test_no_list_of_objects(write, refused, content):
    refused("D104", train=write("a.json", content))


def test_missing_label_and_column(write, refused):
    first = '{"text": "a", "label": "x"}\n'
    assert "row 2: the label is missing" in refused("D107", train=write("a.jsonl", first + '{"text": "a", "label": null}\n'))
    assert "row 2 has no column 'label'" in refused("D102", train=write("b.jsonl", first + '{"text": "a", "lable": "x"}\n'))


def test_nan_text_and_nested_text(write, refused):
    assert "row 2: 'text' is NaN" in refused(
        "D106", train=write("a.jsonl", '{"text": "a", "label": 1}\n{"text": NaN, "label": 0}\n')
    )
    assert "list" in refused("D106", train=write("b.jsonl", '{"text": ["a"], "label": 1}\n'))


def test_half_a_surrogate(write, refused):
    assert "surrogate" in refused("D103", train=write("a.jsonl", '{"text": "\\ud800", "label": 1}\n'))


def test_not_utf8(write, refused):
    assert refused("D103", train=write("a.jsonl", b'{"text": "\xe9", "label": 1}\n')).startswith("a.jsonl:1:11: D103")
