"""A folder of the store is complete or absent, whatever happens to the process that makes it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from compactor.base.errors import StageError
from compactor.pipeline import store as store_module
from compactor.pipeline.store import Label, Store

LABEL = Label("k" * 64, "torch", "write", 1, {}, {})


def fill(text):
    def run(folder, checkpoints):
        (folder / "text.txt").write_text(text)
        return {"facts": {}}

    return run


def test_an_artifact_is_made_once(store):
    first = store.make(LABEL, fill("one"))
    second = store.make(LABEL, fill("two"))
    assert (second.folder / "text.txt").read_text() == "one"
    assert first.content == second.content
    assert second.damage() == ""


def test_a_failed_stage_leaves_no_artifact(store):
    def broken(folder, checkpoints):
        (folder / "text.txt").write_text("half")
        raise StageError("T1", "cannot", "try again")

    with pytest.raises(StageError):
        store.make(LABEL, broken)
    assert store.find(LABEL.key) is None
    assert store.make(LABEL, fill("whole")).damage() == ""


def test_checkpoints_survive_a_failure_and_go_when_done(store):
    def interrupted(folder, checkpoints):
        (checkpoints / "step").write_text("7")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.make(LABEL, interrupted)
    assert store.started(LABEL.key)

    def goes_on(folder, checkpoints):
        (folder / "text.txt").write_text((checkpoints / "step").read_text())
        return {"facts": {}}

    assert (store.make(LABEL, goes_on).folder / "text.txt").read_text() == "7"
    assert not store.started(LABEL.key)


@pytest.mark.parametrize("spoil", ["changed", "missing", "same size"])
def test_a_spoilt_file_is_seen(store, spoil):
    artifact = store.make(LABEL, fill("right"))
    path = artifact.folder / "text.txt"
    if spoil == "missing":
        path.unlink()
    else:
        path.write_text("wrong" if spoil == "same size" else "something else")
    assert "text.txt" in store.find(LABEL.key).damage()


def test_disk_full_is_one_sentence(store):
    def full(folder, checkpoints):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StageError, match="the disk is full"):
        store.make(LABEL, full)
    assert store.find(LABEL.key) is None


def test_by_products_are_kept_by_their_parts(store):
    built = []

    def build(folder):
        built.append(1)
        (folder / "x").write_text("x")

    one = store.derive("encoded", {"a": 1, "b": 2}, build)
    same = store.derive("encoded", {"b": 2, "a": 1}, build)
    other = store.derive("encoded", {"a": 1, "b": 3}, build)
    assert one == same
    assert one != other
    assert len(built) == 2


def test_a_killed_build_of_a_by_product_is_done_again(store):
    def dies(folder):
        (folder / "x").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.derive("encoded", {}, dies)
    folder = store.derive("encoded", {}, lambda folder: (folder / "x").write_text("whole"))
    assert (folder / "x").read_text() == "whole"


SLOW_MAKER = """
import sys, time
from pathlib import Path
from compactor.pipeline import store as store_module
from compactor.pipeline.store import Label, Store
def fill(folder, checkpoints):
    (folder / "text.txt").write_text("half")
    print("begun", flush=True)
    time.sleep(float(sys.argv[2]))
    (folder / "text.txt").write_text("whole")
    return {"facts": {}}
artifact = Store(Path(sys.argv[1])).make(Label("k" * 64, "torch", "write", 1, {}, {}), fill)
print((artifact.folder / "text.txt").read_text(), artifact.damage())
"""


def start(root, seconds):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SLOW_MAKER), str(root), str(seconds)], stdout=subprocess.PIPE, text=True
    )


def test_kill_while_making_leaves_nothing_and_no_lock(tmp_path):
    maker = start(tmp_path, 60)
    assert maker.stdout.readline() == "begun\n"
    os.kill(maker.pid, signal.SIGKILL)
    maker.wait()
    store = Store(tmp_path)
    assert store.find(LABEL.key) is None
    assert (store.make(LABEL, fill("whole")).folder / "text.txt").read_text() == "whole"


def test_two_processes_make_it_once(tmp_path):
    first = start(tmp_path, 1.5)
    assert first.stdout.readline() == "begun\n"
    second = start(tmp_path, 0)
    outputs = [first.communicate()[0], second.communicate()[0]]
    # The second waited for the first one's result and began nothing of its own.
    assert outputs == ["whole \n", "whole \n"]


def test_entries_name_what_lies_there(store):
    store.make(LABEL, fill("x"))
    store.derive("encoded", {}, lambda folder: (folder / "x").write_text("x"))
    assert sorted(word for _, word in store.entries()) == ["encoded", "write"]
    store.discard(LABEL.key)
    assert [word for _, word in store.entries()] == ["encoded"]


@pytest.mark.parametrize("manifest", ["", '{"key": "kk', "[]", "{}"])
def test_an_artifact_whose_manifest_is_cut_is_made_again(store, manifest):
    first = store.make(LABEL, fill("one"))
    (first.folder / "artifact.json").write_text(manifest)
    assert store.find(LABEL.key) is None
    assert store.unreadable(LABEL.key)
    assert [word for _, word in store.entries()] == ["unreadable"]
    again = store.make(LABEL, fill("two"))
    assert (again.folder / "text.txt").read_text() == "two"
    assert not store.unreadable(LABEL.key)
    assert [word for _, word in store.entries()] == ["write"]


def test_a_by_product_whose_note_is_cut_is_built_again(store):
    folder = store.derive("encoded", {}, lambda folder: (folder / "x").write_text("one"))
    (folder / "derived.json").write_text('{"name": "enc')
    assert store.derive("encoded", {}, lambda folder: (folder / "x").write_text("two")) == folder
    assert (folder / "x").read_text() == "two"


def test_by_products_are_on_the_disk_before_they_take_their_name(store, monkeypatch):
    flushed = []
    monkeypatch.setattr(store_module, "_flush", lambda folder: flushed.append(sorted(path.name for path in folder.iterdir())))
    store.derive("encoded", {}, lambda folder: (folder / "x").write_text("x"))
    assert flushed == [["derived.json", "x"]]
