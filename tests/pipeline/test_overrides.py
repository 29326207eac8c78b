"""`--set` reaches every setting, keeps the file's comments, and its mistakes point at its own text."""

from __future__ import annotations

import pytest

from compactor.base.errors import ProfileError
from compactor.pipeline.overrides import override
from compactor.pipeline.reader import parse

TEXT = """\
# what this is
name: tiny
data: {train: a.csv}   # the rows
stages:
  - teacher: {model: ./m}
  - distill:           # the student
      losses:
        - hinton: {temperature: 4}
        - cross_entropy: {weight: 0.1}
      train: {epochs: 20}
  - distill: {}
  - export
  - quantize:
"""


def changed(*overrides):
    return override(parse(TEXT, "p.yaml"), overrides)


def told(*overrides):
    with pytest.raises(ProfileError) as caught:
        changed(*overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("seed=3", ("seed",), 3),
        ("also=[{target: host, via: local}]", ("also", 0, "target"), "host"),
        ("data.train=mine.csv", ("data", "train"), "mine.csv"),
        ("data.label=a=b", ("data", "label"), "a=b"),
        ("budget.size_mb=1e1", ("budget", "size_mb"), 10.0),
        ("teacher.model=./other", ("stages", 0, "teacher", "model"), "./other"),
        ("distill.train.epochs=1", ("stages", 1, "distill", "train", "epochs"), 1),
        ("distill.losses.hinton.temperature=2", ("stages", 1, "distill", "losses", 0, "hinton", "temperature"), 2),
        ("distill.losses.1.cross_entropy.weight=0", ("stages", 1, "distill", "losses", 1, "cross_entropy", "weight"), 0),
        ("distill.losses=[{hinton: {temperature: 1}}]", ("stages", 1, "distill", "losses", 0, "hinton", "temperature"), 1),
        ("distill-2.train.epochs=5", ("stages", 2, "distill", "train", "epochs"), 5),
        ("export.opset=18", ("stages", 3, "export", "opset"), 18),
        ("quantize.method=static", ("stages", 4, "quantize", "method"), "static"),
        ("data.limit=", ("data", "limit"), None),
    ],
)
def test_a_setting_is_reached_by_its_name(text, path, value):
    document = changed(text)
    found = document.data
    for word in path:
        found = found[word]
    assert found == value
    again = parse(document.text, "again").data
    for word in path:
        again = again[word]
    assert again == value, "the saved text says the same"
    assert document.places.value(path).file == "--set"
    assert document.places.value(path).excerpt == text


def test_comments_and_everything_else_stay():
    document = changed("distill.train.epochs=1")
    assert document.text == TEXT.replace("epochs: 20", "epochs: 1")
    assert document.places.value(("name",)).file == "p.yaml"


def test_nothing_is_touched_without_overrides():
    document = parse(TEXT, "p.yaml")
    assert override(document, []) is document


def test_the_later_override_wins():
    assert changed("seed=1", "seed=2").data["seed"] == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo", "--set:1:1: P050: 'foo' sets nothing (write name=value, such as distill.train.epochs=1)\n    foo\n    ^"),
        ("=3", "--set:1:1: P050: '=3' sets nothing (write name=value, such as distill.train.epochs=1)\n    =3\n    ^"),
        (
            "distil.x=1",
            "--set:1:1: P051: 'distil' is no stage of this profile and no setting (did you mean 'distill'?)\n    distil.x=1\n    ^",
        ),
        ("seed.x=1", None),
        ("distill.losses.hintn.weight=1", "--set:1:16: P052: the list has no item 'hintn' (it has 2, counted from 0)"),
        ("name.first=1", "--set:1:1: P052: name is the text 'tiny', it has no setting 'first' (set name itself)"),
        ("data.train=[1", "--set:1:14: P002: this is not YAML"),
    ],
)
def test_a_mistake_points_at_the_text_of_the_override(text, message):
    if message is None:
        assert changed(text).data["seed"] == {"x": 1}, "told later, by the check of the type"
    else:
        assert message in told(text)


def test_all_mistakes_are_told_at_once():
    assert told("foo", "distil.x=1").count("--set:") == 2


SHARED = """\
# what this is
name: tiny
stages:
  - teacher: {train: &usual {epochs: 3, batch_size: 16}}
  - distill:
      train: *usual
      code: "007"
  - export
"""


def test_a_part_that_is_shared_by_an_anchor_changes_in_one_place_alone():
    document = override(parse(SHARED, "p.yaml"), ["teacher.train.epochs=7"])
    teacher, distill, _ = document.data["stages"]
    assert (teacher["teacher"]["train"]["epochs"], distill["distill"]["train"]["epochs"]) == (7, 3)
    again = parse(document.text, "again").data
    assert again == document.data, "the saved text says the same"
    assert again["stages"][1]["distill"]["code"] == "007"


def test_an_anchor_elsewhere_leaves_the_text_as_it_is():
    document = override(parse(SHARED, "p.yaml"), ["distill.code=8"])
    assert document.text == SHARED.replace('"007"', "8")
