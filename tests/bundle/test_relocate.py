"""Absolute paths are cut to their last part; everything else stays."""

from __future__ import annotations

import pytest

from compactor.bundle.relocate import node_patterns, scrubbed, without_absolute_paths


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train: /home/me/data/train.csv", "train: train.csv"),
        ("{train: /home/me/train.csv, test: /home/me/test.csv}", "{train: train.csv, test: test.csv}"),
        ("model: '/home/me/my models/one'", "model: 'one'"),
        ('model: "/home/me/one/"', 'model: "one"'),
        (r"train: C:\Users\me\train.csv", "train: train.csv"),
        ("model: org/name", "model: org/name"),
        ("train: data/train.csv and ./mine/cosine.py", "train: data/train.csv and ./mine/cosine.py"),
        ("see https://example.org/a/b.html", "see https://example.org/a/b.html"),
        ("1/2 and/or 3 / 4", "1/2 and/or 3 / 4"),
        ("a/b/c: {x: ../y/z}", "a/b/c: {x: ../y/z}"),
    ],
)
def test_paths(text, expected):
    assert without_absolute_paths(text) == expected


def test_a_value_is_searched_through():
    value = {"a": ["/home/me/x.csv", 3, None], "b": {"c": "/var/lib/y/z.bin"}}
    assert scrubbed(value) == {"a": ["x.csv", 3, None], "b": {"c": "z.bin"}}


@pytest.mark.parametrize(
    "keep", ["[/bert/embeddings/*, '/bert/encoder/layer.[01]/*', \"/a/b c/Gemm\"]", "\n      - /bert/x/MatMul"]
)
def test_names_of_nodes_in_a_profile_are_no_paths(keep):
    profile = f"data: {{train: /home/me/train.csv}}\nstages:\n  - prune: {{vocabulary: {{keep: 60}}}}\n  - quantize:\n      keep: {keep}\n"
    found = without_absolute_paths(profile, node_patterns(profile))
    assert found == profile.replace("/home/me/train.csv", "train.csv")
