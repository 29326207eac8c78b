"""`clean` frees what no run refers to, and nothing else."""

from __future__ import annotations

from compactor.base.atomic import write_json
from compactor.pipeline.clean import sweep, unused
from compactor.pipeline.store import Label


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
    assert sweep(found) > 1000
    assert store.find(free.key) is None
    assert store.find(kept.key).damage() == ""
    assert store.find(planned.key) is not None
    assert by_product.is_dir()
