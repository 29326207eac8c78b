"""`clean` frees what no run refers to, and nothing else."""

from __future__ import annotations

import threading

import pytest

from compactor.base.atomic import read_json, write_json
from compactor.base.errors import CompactorError
from compactor.cli.main import main
from compactor.pipeline.clean import sweep, unused
from compactor.pipeline.references import References
from compactor.pipeline.store import Label, Store

LABEL = Label("f" * 64, "torch", "write", 1, {}, {})


def make(store, key, text="x"):
    def fill(folder, checkpoints):
        (folder / "text.txt").write_text(text)
        return {"facts": {}}

    return store.make(Label(key * 64, "torch", "write", 1, {}, {}), fill)


def test_only_unreferenced_folders_go(store, tmp_path):
    kept, planned, free = make(store, "a"), make(store, "b"), make(store, "c", "x" * 1000)
    by_product = store.derive("encoded", {}, lambda folder: (folder / "x").write_text("x"))
    runs = tmp_path / "runs"
    write_json(runs / "one" / "references.json", [kept.key, by_product.name])
    write_json(runs / "two" / "plan.json", {"steps": [{"key": planned.key}]})
    found = unused(store, runs)
    assert [entry.folder.name for entry in found] == [free.key]
    assert sweep(store, runs, found) > 1000
    assert store.find(free.key) is None
    assert store.find(kept.key).damage() == ""
    assert store.find(planned.key) is not None
    assert by_product.is_dir()


@pytest.mark.parametrize("what", ["by-product", "artifact"])
def test_what_a_running_run_makes_is_left_alone(store, tmp_path, what):
    begun, goes_on, made = threading.Event(), threading.Event(), []

    def slow(folder, *_):
        (folder / "half").write_text("x")
        begun.set()
        assert goes_on.wait(30)
        (folder / "whole").write_text("x")
        return {"facts": {}}

    def work():
        folder = store.derive("encoded", {}, slow) if what == "by-product" else store.make(LABEL, slow).folder
        made.append(sorted(path.name for path in folder.glob("[hw]*")))

    run = threading.Thread(target=work)
    run.start()
    assert begun.wait(30)
    (folder,) = [folder for folder, _ in store.entries()]
    assert unused(store, tmp_path / "runs") == []
    assert not store.remove(folder)
    goes_on.set()
    run.join()
    assert made == [["half", "whole"]]
    assert len(unused(store, tmp_path / "runs")) == 1


def test_what_a_killed_run_left_half_made_goes(store, tmp_path):
    (store.root / "derived" / f".{'a' * 16}.xyz").mkdir(parents=True)
    found = unused(store, tmp_path)
    assert len(found) == 1
    sweep(store, tmp_path, found)
    assert unused(store, tmp_path) == []


def test_what_a_run_has_come_to_need_since_it_was_listed_stays(store, tmp_path):
    artifact, runs = make(store, "a"), tmp_path / "runs"
    found = unused(store, runs)
    References(runs / "one" / "references.json").add(artifact.key)
    assert sweep(store, runs, found) == 0
    assert store.find(artifact.key) is not None


def test_what_a_report_is_made_of_stays_until_there_is_a_new_one(tmp_path):
    path = tmp_path / "references.json"
    whole = References(path)
    whole.add("teacher", "control")
    whole.settle()
    partly = References(path)
    partly.add("teacher", "student")
    assert read_json(path) == ["control", "student", "teacher"]
    partly.settle()
    assert read_json(path) == ["student", "teacher"]


def test_a_store_of_other_folders_is_not_emptied_for_want_of_runs(tmp_path, capsys):
    store, runs = Store(tmp_path / "shared"), tmp_path / "runs"
    free = make(store, "c")
    places = ["--runs", str(runs), "--store", str(store.root)]
    assert main(["clean", "--yes", *places]) == 2
    assert "R140" in capsys.readouterr().err
    write_json(runs / "one" / "plan.json", {"steps": []})
    assert main(["clean", *places]) == 0
    assert "may be shared" in capsys.readouterr().err
    assert store.find(free.key) is not None
    assert main(["clean", "--yes", *places]) == 0
    assert store.find(free.key) is None


@pytest.mark.parametrize(("name", "text"), [("references.json", '["a'), ("plan.json", "{}"), ("references.json", "[1]")])
def test_nothing_goes_while_it_is_not_known_what_a_run_needs(tmp_path, capsys, name, text):
    store, run = Store(tmp_path / "runs/.store"), tmp_path / "runs" / "one"
    free = make(store, "c")
    run.mkdir()
    (run / name).write_text(text)
    assert main(["clean", "--yes", "--runs", str(tmp_path / "runs")]) == 1
    assert "R141" in capsys.readouterr().err
    with pytest.raises(CompactorError, match="nobody knows"):
        sweep(store, tmp_path / "runs", [])
    assert store.find(free.key) is not None
