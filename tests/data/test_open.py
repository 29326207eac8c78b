"""Opening as a whole: splits, findings, cache, fingerprints."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from compactor.base.reporter import Reporter
from compactor.data import DataSettings, fingerprint_data
from compactor.data.duplicates import normalise
from tests.data.conftest import FEW, rows_of


def many(count, labels=("a", "b", "c")):
    return "text,label\n" + "".join(f"text number {n},{labels[n % len(labels)]}\n" for n in range(count))


def codes(data):
    return {finding.code: finding.sentence for finding in data.findings}


class Listener(Reporter):
    def __init__(self):
        self.said = []

    def say(self, sentence):
        self.said.append(sentence)


def test_pairs(write, open_):
    train = write("a.csv", "a,b,label\n" + "".join(f"one {n},two {n},{n % 2}\n" for n in range(10)))
    data = open_(train=train, text="a", text_pair="b")
    assert data.pair
    for first, second in zip(data.train.texts(), data.train.pairs(), strict=True):
        assert first.split()[1] == second.split()[1]


def test_single_texts_have_no_pairs(write, open_):
    data = open_(train=write("a.csv", FEW))
    assert not data.pair
    assert data.train.pairs() is None


def test_validation_from_a_file(write, open_):
    data = open_(train=write("a.csv", FEW), validation=write("b.csv", "text,label\nx,pos\ny,neg\n"))
    assert len(data.train) == 6
    assert data.validation.texts() == ["x", "y"]


def test_limit_keeps_names_and_splits_what_is_left(write, open_):
    data = open_(train=write("a.csv", many(300)), limit=60, validation=0.2)
    assert (len(data.train), len(data.validation)) == (48, 12)
    assert data.labels == ("a", "b", "c")
    assert "60 of 300" in codes(data)["D208"]
    other = open_(train="a.csv", limit=60, validation=0.2, seed=1)
    assert other.train.texts() != data.train.texts()


def test_findings_on_repeated_texts(write, open_):
    train = write("a.csv", FEW + "Odd one,pos\nodd  ONE,neg\n")
    data = open_(train=train, test=write("b.csv", "text,label\nGOOD   film,pos\nnew,neg\n"), validation=write("c.csv", FEW))
    assert codes(data)["D204"].startswith("1 of 2 test texts")
    assert codes(data)["D209"].startswith("6 of 6 validation texts")
    assert codes(data)["D205"].startswith("2 training rows")


def test_findings_on_sizes(write, open_):
    data = open_(train=write("a.csv", many(100, "aaaaaaaaaaaaaaaaaaab") + ",a\n"), validation=0.2)
    assert "2 classes" in codes(data)["D201"]
    assert "D202" in codes(data)
    assert codes(data)["D203"].startswith("1 rows")
    assert "D207" in codes(data)


def test_a_tidy_set_has_only_its_description(write, open_):
    data = open_(train=write("a.csv", many(90)), test=write("b.csv", many(0) + "new,a\n"))
    assert set(codes(data)) == {"D201"}


def test_the_cache_is_used_and_a_damaged_one_rebuilt(write, open_, tmp_path):
    listener = Listener()
    before = open_(train=write("a.csv", many(90)), reporter=listener)
    assert listener.said == ["reading a.csv"]
    assert open_(train="a.csv", reporter=listener).fingerprint == before.fingerprint
    assert len(listener.said) == 1
    (rows,) = (tmp_path / "cache").glob("*/rows.arrow")
    rows.write_bytes(rows.read_bytes()[:500])
    assert open_(train="a.csv", reporter=listener).fingerprint == before.fingerprint
    assert len(listener.said) == 2


def test_a_refused_file_leaves_nothing_behind(write, refused, tmp_path):
    refused("D104", train=write("a.csv", FEW + "well, really,pos\n"))
    assert not list((tmp_path / "cache").iterdir())


def test_missing_file_with_a_guess(write, refused):
    write("train.csv", FEW)
    assert "did you mean trian.csv" not in refused("D101", train="trian.csv")
    assert "did you mean train.csv?" in refused("D101", train="trian.csv")


def test_unknown_format(write, refused):
    assert "format of a.dat is not known" in refused("D101", train=write("a.dat", FEW))


def test_the_first_folder_that_has_the_file_wins(tmp_path, write):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    (tmp_path / "two" / "a.csv").write_text(FEW)
    settings, near = DataSettings(train="a.csv"), (tmp_path / "one", tmp_path / "two")
    before = fingerprint_data(settings, near=near)
    (tmp_path / "one" / "a.csv").write_text(FEW.replace("good", "great"))
    assert fingerprint_data(settings, near=near) != before


def test_fingerprint_is_of_content_not_of_place(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{folder}.csv").write_text(FEW)
    prints = [fingerprint_data(DataSettings(train=f"{name}.csv"), near=(tmp_path / name,)) for name in ("one", "two")]
    assert prints[0] == prints[1]
    (tmp_path / "one" / "one.csv").write_text(FEW.replace("pos", "neg", 1))
    assert fingerprint_data(DataSettings(train="one.csv"), near=(tmp_path / "one",)) != prints[0]


def test_flipped_labels_change_the_rows_and_their_fingerprint(write, open_):
    before = open_(train=write("a.csv", FEW))
    flipped = FEW.replace("pos", "?").replace("neg", "pos").replace("?", "neg")
    after = open_(train=write("a.csv", flipped))
    assert after.fingerprint != before.fingerprint
    assert rows_of(after) != rows_of(before)


SCRIPT = """
import sys
from pathlib import Path
from compactor.base.reporter import Reporter
from compactor.data import DataSettings, open_data
folder = Path(sys.argv[1])
data = open_data(DataSettings(train="a.csv"), near=(folder,), seed=3, cache=folder / "cache", online=False, reporter=Reporter())
print(data.fingerprint, data.validation.texts())
"""


def test_the_same_split_in_every_process(write, tmp_path):
    write("a.csv", many(200) + "Text Number 7,a\n")
    answers = set()
    for hash_seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
        answers.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("text", "folded"), [(" A  b\n\tC ", "a b c"), ("STRASSE", "strasse"), ("Straße", "strasse"), ("", "")]
)
def test_normalise(text, folded):
    assert normalise(text) == folded
