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
    told = SimpleNamespace(say=lambda sentence: None, finding=lambda finding: None)
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
