"""Times are kept for the same rows, runtime and GPU, not if they were withheld, and taken anew when that is asked for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from compactor.cli.main import main
from compactor.measuring import surroundings
from compactor.pipeline import elsewhere, timing
from compactor.pipeline.kept_times import conditions
from compactor.pipeline.timing import time_rows
from compactor.targets import load_target

RESULT = {"latency_ms": [1], "evidence": "measured", "findings": []}
HOT = {**RESULT, "findings": [{"code": "M113"}]}


def session_of(rows="these", target="host"):
    data = SimpleNamespace(validation=SimpleNamespace(fingerprint=rows))
    told = SimpleNamespace(say=lambda sentence: None)
    profile = SimpleNamespace(target=load_target(target), also=())
    return SimpleNamespace(open_data=lambda: data, profile=profile, reporter=told)


@pytest.fixture
def took(tmp_path, monkeypatch):
    """Say how often one row was timed in a folder, given what the measurement finds."""
    monkeypatch.setattr(timing, "graph_hash", lambda folder: "graph")
    taken = []

    def took(result=RESULT, session=None, **how):
        monkeypatch.setattr(timing, "_measure", lambda *given, **options: taken.append(1) or {"row": result})
        before, row = len(taken), SimpleNamespace(id="row", onnx=tmp_path, timing={})
        time_rows(session or session_of(), [row], tmp_path, **how)
        assert row.timing == result
        return len(taken) - before

    return took


def test_the_same_rows_are_timed_once_and_other_rows_anew(took):
    assert (took(), took()) == (1, 0)
    assert took(session=session_of("others")) == 1


def test_kept_times_cost_what_the_target_costs_now(tmp_path, monkeypatch):
    cells, workers = [{"throughput_per_s": 500.0}], [{"texts_per_s": 1000.0}, {"texts_per_s": None}]
    old = {"value": 1.0, "currency": "EUR", "price_per_hour": 3.6, "texts_per_s": 1000.0}
    result = {**RESULT, "latency_ms": cells, "throughput": workers, "cost_per_million": old}
    monkeypatch.setattr(timing, "graph_hash", lambda folder: "graph")
    monkeypatch.setattr(timing, "_measure", lambda *given, **options: taken.append(1) or {"row": result})
    row, taken = SimpleNamespace(id="row", onnx=tmp_path, timing={}), []

    def cost(price):
        session = session_of()
        session.profile.target = load_target("host").model_copy(update={"price_per_hour": price, "currency": "EUR"})
        time_rows(session, [row], tmp_path)
        return row.timing["cost_per_million"]

    assert cost(3.6) == {**old, "value": pytest.approx(1.0)}
    assert cost(7.2) == {**old, "value": pytest.approx(2.0), "price_per_hour": 7.2}
    assert cost(None) is None
    assert len(taken) == 1


def test_times_are_taken_anew_when_asked(took):
    assert (took(), took(anew=True), took()) == (1, 1, 0)


@pytest.mark.parametrize("code", ["M113", "M151"])
def test_what_was_withheld_or_not_taken_is_not_kept(took, code):
    nothing = {**RESULT, "findings": [{"code": code}]}
    assert (took(nothing), took(nothing), took(), took()) == (1, 1, 1, 0)
    assert (took(nothing, anew=True), took()) == (1, 1)


def test_every_package_of_onnxruntime_and_the_gpu_count(monkeypatch):
    def told(target, gpu="A", **installed):
        packages = {"numpy": "2", **{name.replace("_", "-"): version for name, version in installed.items()}}
        monkeypatch.setattr(surroundings, "installed_packages", lambda: packages)
        monkeypatch.setattr(surroundings, "gpus", lambda: [gpu])
        return conditions(session_of(target=target), load_target(target), quick=False)

    assert told("server-gpu", onnxruntime_gpu="1.28") != told("server-gpu", onnxruntime_gpu="1.29")
    assert told("server-gpu", onnxruntime_gpu="1.28") == told("server-gpu", onnxruntime_gpu="1.28")
    assert told("server-gpu", "A") != told("server-gpu", "B")
    assert told("host", "A") == told("host", "B")


def test_a_further_target_is_measured_anew_when_asked_or_hot(tmp_path, monkeypatch):
    taken = []
    place = SimpleNamespace(target=load_target("host"), via="local")
    row, session = SimpleNamespace(id="package", onnx=tmp_path, findings=[]), session_of()
    session.profile.also = (place,)
    monkeypatch.setattr(elsewhere, "rule_of", lambda folder: {})

    def took(record=RESULT, session=session, **how):
        monkeypatch.setattr(elsewhere, "_measure_or_tell", lambda *given, **options: taken.append(1) or record)
        before = len(taken)
        elsewhere.measure_further_targets(session, row, tmp_path, quick=True, **how)
        return len(taken) - before

    assert (took(), took(), took(anew=True), took()) == (1, 0, 1, 0)
    assert (took(HOT, anew=True), took(HOT), took(), took()) == (1, 1, 1, 0)
    session.open_data().validation.fingerprint = "others"
    assert took() == 1


def test_measuring_again_and_not_at_all_exclude_each_other(capsys):
    with pytest.raises(SystemExit) as left:
        main(["run", "x.yaml", "--measure-again", "--no-timing"])
    assert left.value.code == 2
    assert "not allowed with" in capsys.readouterr().err
