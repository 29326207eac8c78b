"""Keys say what must be made again and why; what is in the store is not made twice."""

from __future__ import annotations

import pytest

from compactor.base.errors import StageError
from compactor.pipeline.execute import Session, execute
from compactor.pipeline.plan import make_plan
from tests.pipeline.conftest import Recorder, Write, profile

DATA = {"content": "d1", "settings": {}}


def run_all(store, given, data=DATA, previous=None):
    session = Session(given, store, Recorder(), threads=1, online=False)
    plan = make_plan(given, store, data, previous)
    artifact = None
    for step in plan.steps:
        artifact = execute(session, step, artifact, None).artifact
    return plan, artifact, session


def test_second_run_does_no_work(store):
    run_all(store, profile("a", "b", "c"))
    assert Write.runs == ["a", "b", "c"]
    plan, artifact, _ = run_all(store, profile("a", "b", "c"))
    assert Write.runs == ["a", "b", "c"]
    assert plan.to_do == ()
    assert (artifact.folder / "text.txt").read_text() == "abc"


def test_a_changed_setting_redoes_only_from_there_and_says_why(store):
    first, _, _ = run_all(store, profile("a", "b", "c"))
    plan = make_plan(profile("a", "x", "c"), store, DATA, first.as_dict())
    assert [step.state for step in plan.steps] == ["in store", "to do", "to do"]
    assert plan.steps[1].why == "text changed from b to x"
    assert plan.steps[2].why == "the step it starts from changed"


def test_a_setting_newer_than_the_run_before_is_no_reason(store):
    first, _, _ = run_all(store, profile("a", "b"))
    remembered = first.as_dict()
    for step in remembered["steps"]:
        del step["settings"]["fail"]  # as if this setting had come since
    assert make_plan(profile("a", "x"), store, DATA, remembered).steps[1].why == "text changed from b to x"


def test_a_newer_setting_that_the_profile_chooses_is_a_reason(store):
    first, _, _ = run_all(store, profile("a", "b"))
    remembered = first.as_dict()
    del remembered["steps"][1]["settings"]["text"]
    del remembered["steps"][1]["parts"]["settings"]["text"]
    assert make_plan(profile("a", "x"), store, DATA, remembered).steps[1].why == "text changed from its default to x"


def test_changed_data_redoes_all(store):
    first, _, _ = run_all(store, profile("a", "b"))
    plan = make_plan(profile("a", "b"), store, {"content": "d2", "settings": {}}, first.as_dict())
    assert [step.state for step in plan.steps] == ["to do", "to do"]
    assert "the content of data changed" in plan.steps[0].why


def test_free_settings_stay_out_of_the_key(store):
    run_all(store, profile("a", "b"))
    assert make_plan(profile("a", "b", fail="never mind"), store, DATA).to_do == ()


def test_seed_is_part_of_the_key(store):
    run_all(store, profile("a"))
    other = profile("a")
    other.seed = 1
    assert [step.state for step in make_plan(other, store, DATA).steps] == ["to do"]


def test_an_edited_stage_file_of_the_user_is_another_key(store):
    run_all(store, profile("a", "b"))
    edited = profile("a", "b")
    edited.steps[1].source_hash = "1f"
    assert [step.state for step in make_plan(edited, store, DATA).steps] == ["in store", "to do"]


def test_a_damaged_artifact_is_made_again_and_said(store):
    plan, _, _ = run_all(store, profile("a", "b"))
    (store.folder(plan.steps[0].key) / "text.txt").write_text("Z")
    _, artifact, session = run_all(store, profile("a", "b"))
    assert (artifact.folder / "text.txt").read_text() == "ab"
    assert any("made again" in sentence for sentence in session.reporter.said)
    assert Write.runs == ["a", "b", "a"], "the second step was made from the same content, so it stands"


def test_a_step_made_from_another_content_is_not_used(store):
    plan, _, _ = run_all(store, profile("a", "b"))
    store.discard(plan.steps[0].key)

    class Other(Write):
        def run(self, source, work):
            (work.folder / "text.txt").write_text("A")

    changed = profile("a", "b")
    # Same key, other bytes: as when a library computes differently.
    object.__setattr__(changed.steps[0], "stage", Other(text="a"))
    _, artifact, _ = run_all(store, changed)
    assert (artifact.folder / "text.txt").read_text() == "Ab"


def test_failure_keeps_what_was_finished(store):
    given = profile("a", "b")
    broken = profile("a", "b", fail="cannot")
    plan = make_plan(given, store, DATA)
    session = Session(given, store, Recorder(), threads=1, online=False)
    execute(session, plan.steps[0], None, None)
    with pytest.raises(StageError, match="cannot"):
        execute(session, make_plan(broken, store, DATA).steps[1], store.find(plan.steps[0].key), None)
    assert [step.state for step in make_plan(given, store, DATA).steps] == ["in store", "to do"]
