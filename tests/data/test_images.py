"""Images as rows: folders and tables of paths, what is wrong with files, equal images, and prepared pixels."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from compactor.base.images import ImageSettings, normalized, open_image, prepare
from compactor.data import DataSettings, EncodedImages, encode_images, fingerprint_data
from compactor.data.settings import DIGITS
from tests.data.images import write_folder

SETTINGS = ImageSettings.read({"size": {"height": 8, "width": 8}})


def test_a_folder_of_labels_is_read(tmp_path, open_):
    write_folder(tmp_path / "train")
    write_folder(tmp_path / "test", 3, seed=1)
    data = open_(train="train", test="test")
    assert data.labels == ("above", "below")
    assert (len(data.train) + len(data.validation), len(data.test)) == (24, 6)
    assert data.train.images
    assert {Path(place).parent.name for place in data.test.places()} == {"above", "below"}
    assert [Path(place).parent.name for place in data.train.places()] == [data.labels[label] for label in data.train.labels]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_table_of_paths_is_read(suffix, tmp_path, open_):
    write_folder(tmp_path / "pictures")
    rows = [(path.relative_to(tmp_path).as_posix(), path.parent.name) for path in sorted(tmp_path.rglob("*.png"))]
    lines = ["file,kind", *(f"{path},{kind}" for path, kind in rows)]
    if suffix == "jsonl":
        lines = [f'{{"file": "{path}", "kind": "{kind}"}}' for path, kind in rows]
    (tmp_path / f"rows.{suffix}").write_text("\n".join(lines) + "\n")
    data = open_(train=f"rows.{suffix}", image="file", label="kind")
    assert len(data.train) + len(data.validation) == 24
    assert data.labels == ("above", "below")


def test_what_is_equal_is_told_by_content(tmp_path, open_):
    write_folder(tmp_path / "train")
    write_folder(tmp_path / "test", 2, seed=1)
    shutil.copyfile(tmp_path / "train/above/000.png", tmp_path / "test/above/another-name.png")
    shutil.copyfile(tmp_path / "train/above/001.png", tmp_path / "train/below/001-again.png")
    codes = {finding.code: finding.sentence for finding in open_(train="train", test="test").findings}
    assert codes["D204"] == "1 of 5 test images also occur in train" or "D209" in codes
    assert "with another label" in codes["D205"]


def test_a_folder_may_move_but_not_change(tmp_path, open_):
    write_folder(tmp_path / "train")
    settings = DataSettings(train="train")
    before, rows = fingerprint_data(settings, near=(tmp_path,)), open_(train="train").train.fingerprint
    shutil.move(tmp_path / "train", tmp_path / "moved")
    settings = DataSettings(train="moved")
    assert fingerprint_data(settings, near=(tmp_path,)) == before
    moved = open_(train="moved").train
    assert moved.fingerprint == rows
    assert all("moved" in place for place in moved.places())
    write_folder(tmp_path / "moved", 1, seed=5)
    assert fingerprint_data(settings, near=(tmp_path,)) != before


def test_a_table_counts_by_its_images_too(tmp_path):
    write_folder(tmp_path / "one", 2)
    (tmp_path / "rows.csv").write_text("image,label\none/above/000.png,a\none/below/000.png,b\n")
    settings = DataSettings(train="rows.csv", image="image")
    before = fingerprint_data(settings, near=(tmp_path,))
    write_folder(tmp_path / "one", 2, seed=7)
    assert fingerprint_data(settings, near=(tmp_path,)) != before


def test_broken_files_are_named(tmp_path, refused):
    write_folder(tmp_path / "train", 3)
    broken = tmp_path / "train/below/001.png"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-60])
    assert "001.png" in refused("D181", train="train")
    broken.write_text("no image")
    assert "known format" in refused("D181", train="train")
    broken.write_bytes(whole)
    (tmp_path / "train/below/notes.heic").write_text("")
    assert "notes.heic" in refused("D185", train="train")


def test_a_folder_of_splits_is_not_taken_for_labels(tmp_path, refused):
    for split in ("train", "test"):
        write_folder(tmp_path / "all" / split, 2)
    assert "all/test" in refused("D183", train="all")


def test_a_missing_image_of_a_table_is_named(tmp_path, refused):
    (tmp_path / "rows.csv").write_text("image,label\nnowhere.png,a\n")
    assert "nowhere.png" in refused("D180", train="rows.csv", image="image")


def test_prepared_images_are_floats_of_the_files(tmp_path, open_, refused):
    write_folder(tmp_path / "train")
    rows = open_(train="train").train
    encode_images(rows, SETTINGS, tmp_path / "encoded")
    encoded = EncodedImages(tmp_path / "encoded", SETTINGS)
    batch = encoded.batch(np.array([4, 0]))
    assert batch["pixel_values"].dtype == np.float32
    for given, row in zip(batch["pixel_values"], (4, 0), strict=True):
        np.testing.assert_array_equal(given, normalized(prepare(open_image(Path(rows.places()[row])), SETTINGS), SETTINGS))
    assert batch["labels"].tolist() == rows.labels[[4, 0]].tolist()
    assert isinstance(encoded._pixels, np.memmap), "memory does not grow with the images"
    assert (tmp_path / "encoded" / "pixels.npy").stat().st_size < 8 * 8 * 3 * len(rows) + 256


def test_an_image_that_changes_afterwards_is_refused(tmp_path, open_):
    from compactor.base.errors import DataError

    write_folder(tmp_path / "train")
    rows = open_(train="train").train
    shutil.copyfile(rows.places()[0], rows.places()[1])
    with pytest.raises(DataError, match="D184"):
        encode_images(rows, SETTINGS, tmp_path / "encoded")


def test_the_digits_of_scikit_learn(tmp_path, open_):
    data = open_(source=DIGITS, validation=0.1)
    assert len(data.train) + len(data.validation) + len(data.test) == 1797
    assert data.labels == tuple("0123456789")
    assert not {"D204", "D205", "D209"} & {finding.code for finding in data.findings}
    assert open_image(Path(data.train.places()[0])).size == (8, 8)
    assert fingerprint_data(DataSettings(source=DIGITS), near=()) == fingerprint_data(DataSettings(source=DIGITS), near=())
