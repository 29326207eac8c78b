"""The linear control reads any script, and where it cannot be fitted the run goes on without it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from compactor.data.rows import Rows
from compactor.pipeline.chain import make_controls
from compactor.pipeline.execute import Session
from compactor.pipeline.linear import fit_linear


def rows(texts, labels):
    batch = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    return Rows((batch,), np.asarray(labels), np.arange(len(texts)))


def test_texts_without_spaces_are_told_apart():
    labels = [number % 2 for number in range(60)]
    train = rows([f"{'查询余额' if label else '取消卡片'}{number:03d}号" for number, label in enumerate(labels)], labels)
    assert (fit_linear(train, seed=0)(train).argmax(axis=1) == labels).mean() > 0.95


@pytest.mark.parametrize(("texts", "labels"), [(["a text", "one more"] * 5, [0] * 10), ([""] * 10, [0, 1] * 5)])
def test_a_run_goes_on_without_a_control_that_cannot_be_fitted(store, texts, labels):
    given = rows(texts, labels)
    profile = SimpleNamespace(
        seed=0,
        controls=SimpleNamespace(linear=True, labels_only=False, teacher_int8=False),
        task=SimpleNamespace(label_kind="class", label_loss="cross_entropy"),
    )
    told = SimpleNamespace(say=lambda sentence: None, finding=lambda finding: None)
    session = Session(profile, store, told, threads=1, online=False)
    session._data = SimpleNamespace(train=given, validation=given, test=None)
    plan = SimpleNamespace(step=lambda name: None)
    made = make_controls(session, plan, {}, [SimpleNamespace(artifact=SimpleNamespace(key="k"))])
    assert made == []
    (finding,) = session.findings
    assert finding.code == "A211"
    assert "left out" in finding.sentence
