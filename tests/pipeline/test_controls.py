"""The control on labels alone makes as many steps as a student who had more rows, and says so; the teacher alone has no exits."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from compactor.base.errors import StageError
from compactor.pipeline import chain
from compactor.pipeline.controls import Control, _as_long, _export_of_teacher, _passes
from compactor.stages.distill import Distill
from compactor.stages.export import Export


def passes(extra, rows=100):
    done = SimpleNamespace(step=SimpleNamespace(key="k"), artifact=SimpleNamespace(facts={"rows": extra}))
    session = SimpleNamespace(datasets=[done] if extra else [], open_data=lambda: SimpleNamespace(train=range(rows)))
    return _passes(session, SimpleNamespace(sources={"extra": "k"} if extra else {}))


def test_the_control_trains_as_long_as_the_student_and_without_its_new_rows():
    stage = Distill.model_validate({"train": {"epochs": 3, "batch_size": 10}})
    longer, (note,) = _as_long(stage, passes(1900))
    steps = 3 * (100 + 1900) / 10
    assert longer.train.epochs * 100 / 10 == pytest.approx(steps)
    assert longer.train.keep == "best"
    assert "60 passes over the training rows" in note.sentence
    assert note.hint


def test_without_new_rows_the_control_is_what_it_was():
    stage = Distill.model_validate({"train": {"epochs": 3}})
    assert _as_long(stage, passes(0)) == (stage, ())
    assert _as_long(stage, 1.0)[0].key() == stage.key()


def test_the_teacher_is_exported_as_the_chain_exports_but_for_exits_which_it_has_none():
    given = SimpleNamespace(stage=Export(exits=True, backend="dynamo"))
    export = _export_of_teacher(given)
    assert (export.exits, export.backend) == (False, "dynamo")
    assert export.key() == Export(backend="dynamo").key()  # so that a chain without exits has made it already
    assert _export_of_teacher(None).key() == Export().key()


@pytest.mark.parametrize("code", ["Q105", "R101"])
def test_a_run_goes_on_without_a_control_that_cannot_be_made_but_not_on_a_full_disk(monkeypatch, code):
    def fail(*_given):
        raise StageError(code, "keep: *conv* fits no node with weights")

    monkeypatch.setattr(chain, "plan_controls", lambda *_given: [Control("teacher_int8", (SimpleNamespace(state="to do"),))])
    monkeypatch.setattr(chain, "make_control", fail)
    told = []
    session = SimpleNamespace(
        profile=SimpleNamespace(controls=SimpleNamespace(linear=False)),
        reporter=SimpleNamespace(say=lambda sentence: None),
        finding=told.append,
    )
    row = SimpleNamespace(artifact=SimpleNamespace(key="k"))
    if code == "R101":
        with pytest.raises(StageError):
            chain.make_controls(session, None, {}, [row])
        return
    assert chain.make_controls(session, None, {}, [row]) == []
    assert (told[0].code, "Q105, keep: *conv* fits" in told[0].sentence) == ("A212", True)
