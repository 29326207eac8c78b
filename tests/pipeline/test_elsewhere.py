"""Further targets of a profile: which figure stands beside the answers."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from compactor.measuring import elsewhere as measuring
from compactor.pipeline import elsewhere
from compactor.targets import load_target
from compactor.tasks import TASKS

PLACE = SimpleNamespace(target=load_target("host"), via="local")
ROWS = 100


class Texts:
    """Encoded rows: the ids of a row are its number."""

    lengths = np.arange(ROWS) % 7 + 3

    def batch(self, indices):
        return {"input_ids": np.repeat(indices, self.lengths[indices[0]])[None]}


def session_of(task, labels, names=("a", "b", "c")):
    data = SimpleNamespace(validation=SimpleNamespace(labels=labels, fingerprint="these"), labels=names)
    found = []
    told = SimpleNamespace(say=lambda sentence: None, finding=found.append, found=found)
    profile = SimpleNamespace(task=TASKS.load(task)(), seed=0, target=load_target("host"), also=(PLACE,))
    return SimpleNamespace(open_data=lambda: data, profile=profile, reporter=told)


@pytest.fixture
def row(tmp_path):
    interface = {"inputs": {"input_ids": {"dtype": "int64", "axes": ["batch", "sequence"]}}, "max_length": 64}
    (tmp_path / "interface.json").write_text(json.dumps(interface))
    (tmp_path / "model.onnx").write_bytes(b"")
    return SimpleNamespace(id="package", onnx=tmp_path, artifact=None, findings=[])


@pytest.fixture
def given(monkeypatch, tmp_path, row):
    """Return what the measurement is given for a session."""

    def given(session):
        taken = {}
        monkeypatch.setattr(elsewhere, "encoded", lambda *which: Texts())
        monkeypatch.setattr(measuring, "measure_elsewhere", lambda *place, **how: taken.update(how))
        elsewhere._measure(session, PLACE, row, tmp_path, quick=True)
        return taken

    return given


@pytest.mark.parametrize(
    ("task", "labels"),
    [
        ("token-classification", np.zeros((ROWS, 5), dtype=np.int64)),
        ("sentence-similarity", np.repeat(np.linspace(0, 1, ROWS // 2), 2).astype(np.float32)[:, None]),
    ],
)
def test_no_figure_where_a_row_has_not_one_answer_of_its_own(given, task, labels):
    taken = given(session_of(task, labels))
    assert taken["metric"] is None
    assert len(taken["samples"]) == 64


def test_a_figure_counts_the_labels_of_the_rows_that_were_answered(given):
    labels = np.arange(ROWS) % 3
    taken = given(session_of("text-classification", labels))
    name, figure = taken["metric"]
    assert name == "accuracy"
    answered = [5, 2, 40]
    numbers = [int(taken["samples"][each]["input_ids"][0, 0]) for each in answered]
    right = np.eye(3, dtype=np.float32)[labels[numbers]]
    assert figure(right, answered) == 1
    assert figure(np.roll(right, 1, axis=1), answered) == 0


def test_whatever_fails_on_a_further_target_is_told_and_does_not_end_the_run(tmp_path, monkeypatch, row):
    def fail(*place, **how):
        raise ValueError("all the input array dimensions must match")

    session = session_of("text-classification", np.zeros(ROWS, dtype=np.int64))
    monkeypatch.setattr(elsewhere, "encoded", lambda *which: Texts())
    monkeypatch.setattr(elsewhere, "_identity", lambda *given: "one")
    monkeypatch.setattr(measuring, "measure_elsewhere", fail)
    session.profile.also = (PLACE, PLACE)
    records = elsewhere.measure_further_targets(session, row, tmp_path / "run", quick=True)
    assert [record["evidence"] for record in records] == [None, None]
    assert records[0]["reason"] == "internal error: ValueError: all the input array dimensions must match"
    assert [finding.code for finding in session.reporter.found] == ["M226", "M226"]
    assert "host-local/traceback.txt" in session.reporter.found[0].hint
    kept = (tmp_path / "run" / "also" / "host-local" / "traceback.txt").read_text()
    assert 'raise ValueError("all the input' in kept
    assert not (tmp_path / "run" / "also" / "host-local" / "record.json").exists(), "the next run tries again"


def test_a_run_that_is_stopped_stops(tmp_path, monkeypatch, row):
    def stop(*given, **how):
        raise KeyboardInterrupt

    monkeypatch.setattr(elsewhere, "_measure", stop)
    with pytest.raises(KeyboardInterrupt):
        elsewhere._measure_or_tell(session_of("text-classification", np.zeros(ROWS)), PLACE, row, tmp_path, quick=True)
