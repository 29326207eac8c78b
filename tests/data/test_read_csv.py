"""csv and tsv: quotes, broken files, wrong encodings, long texts."""

from __future__ import annotations

import csv

import pytest

from tests.data.conftest import FEW, rows_of


def test_csv_quotes_newlines_and_commas(write, open_):
    data = open_(train=write("a.csv", FEW + '"one, two\nthree ""four""",pos\n'))
    assert ('one, two\nthree "four"', "pos") in rows_of(data)


def test_csv_agrees_with_the_standard_library(write, open_, tmp_path):
    name = write("a.csv", "﻿" + FEW.replace("\n", "\r\n") + '"x\r\ny",neg\r\n" padded ",pos\r\n')
    with (tmp_path / name).open(encoding="utf-8-sig", newline="") as stream:
        expected = sorted((row["text"], row["label"]) for row in csv.DictReader(stream))
    assert rows_of(open_(train=name)) == expected


def test_tsv_has_no_quotes(write, open_):
    rows = 'sentence\tlabel\n"half a quote\t1\nit \'s " fine \t0\na, b\t1\nc\t0\nd\t1\n'
    data = open_(train=write("a.tsv", rows), text="sentence")
    assert rows_of(data) == [('"half a quote', "1"), ("a, b", "1"), ("c", "0"), ("d", "1"), ("it 's \" fine ", "0")]


def test_numbers_and_words_like_null_stay_text(write, open_):
    data = open_(train=write("a.csv", "text,label\n007,a\nnull,a\nNA,b\n1e5,b\ntrue,a\n"))
    assert [text for text, _ in rows_of(data)] == ["007", "1e5", "NA", "null", "true"]


def test_other_columns_are_not_read(write, open_):
    content = b"id,text,label\n" + b"".join(b"\xff%d,text %d,%d\n" % (n, n, n % 2) for n in range(9))
    assert len(rows_of(open_(train=write("a.csv", content)))) == 9


def test_a_text_of_ten_megabytes(write, open_):
    long = "word " * 2_000_000
    data = open_(train=write("a.csv", f'{FEW}"{long}",pos\nshort,neg\n'))
    texts = dict(rows_of(data))
    assert texts[long] == "pos"
    assert texts["short"] == "neg"
    assert len(texts) == 8


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.parquet"])
def test_empty_file(write, refused, name):
    assert "a." in refused("D105", train=write(name, ""))


def test_header_only(write, refused):
    assert "a.csv has no rows" in refused("D105", train=write("a.csv", "text,label\n"))


def test_missing_column_with_a_guess(write, refused):
    message = refused("D102", train=write("a.csv", FEW), text="Texts")
    assert "no column 'Texts'" in message
    assert "did you mean 'text'?" in message
    assert "set data.text" in message


def test_column_named_twice(write, refused):
    assert "2 times" in refused("D102", train=write("a.csv", "text,text,label\na,b,c\n"))


def test_too_many_cells(write, refused):
    message = refused("D104", train=write("a.csv", FEW + "well, really,pos\n"))
    assert "row 7" in message
    assert "3 cells where the first line names 2" in message


def test_not_utf8_names_line_and_column(write, refused):
    message = refused("D103", train=write("a.csv", FEW.encode() + "café,pos\n".encode("latin-1")))
    assert message.startswith("a.csv:8:4: D103: byte 0xe9")


def test_utf16_is_recognised(write, refused):
    assert "UTF-16" in refused("D103", train=write("a.csv", FEW.encode("utf-16")))


def test_unclosed_quote(write, refused):
    refused("D104", train=write("a.csv", FEW + '"never closed,pos\n' + "x,pos\n" * 5))


@pytest.mark.parametrize("newline", ["", "\n", "\n\n"])
def test_last_line(write, open_, newline):
    assert len(rows_of(open_(train=write("a.csv", FEW.rstrip() + newline)))) == 6
