"""Aims, scopes, scores and steps of the prune stage: what was asked for is what comes out, also after a kill."""

from __future__ import annotations

import json
from typing import Any

import pytest

from compactor.base.errors import StageError
from compactor.stages.prune import Prune
from compactor.targets import load_target
from compactor.tasks import TASKS
from tests.pruning import tiny
from tests.stages import works
from tests.stages.test_prune import teach

TASK = TASKS.load("text-classification")()
RECOVER = {"epochs": 1, "learning_rate": 1e-3, "batch_size": 16}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Any:
    """Make a tiny teacher that is right without training; return (root, data, its artifact)."""
    from compactor.models import save
    from compactor.models.wordpiece import train_wordpiece

    root = tmp_path_factory.mktemp("prune")
    data = works.open_small(root)
    folder = root / "teacher"
    folder.mkdir()
    tokenizer = train_wordpiece(iter(data.train.texts()), 160, folder, 24)
    model = tiny.model("bert", layers=2, pieces=160)
    with_biases(model)
    teach(model, tokenizer, data)
    save(model, folder, folder, labels=data.labels)
    return root, data, works.artifact(folder)


def with_biases(model: Any) -> None:
    """Make biases differ, as trained ones do: equal ones would be stored once, which no price can know."""
    import torch

    for number, (name, parameter) in enumerate(model.named_parameters()):
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.05, generator=torch.Generator().manual_seed(number))


def prune(place: Any, settings: dict[str, Any], name: str, **more: Any) -> Any:
    """Run the stage; return its work."""
    root, data, teacher = place
    work = works.make_work(root, name, data, teacher=teacher, reporter=more.get("reporter"))
    work.target = load_target("host")
    if "checkpoints" in more:
        work.checkpoints = more["checkpoints"]
    Prune.model_validate(settings).run(teacher, work)
    json.dumps(work.facts, allow_nan=False)
    return work


@pytest.mark.model
@pytest.mark.parametrize("scope", ["local", "global"])
def test_an_aim_in_parameters_is_met_and_predicted_to_the_last_one(place, scope):
    work = prune(place, {"aim": {"ratio": 0.6}, "scope": scope, "round_to": 4}, f"ratio-{scope}")
    aim, real = work.facts["aim"], work.facts["parameters"]["total"]
    assert aim["predicted"] == aim["real"] == real
    # Nearest from below: one block of neurons, or one head, more would be too much.
    head = 8 * (3 * 33 + 32)
    assert aim["wanted"] - 2 * (4 * 65 + head) < real <= aim["wanted"] == 0.6 * work.facts["parameters_before"]["total"]
    same = len({(width["intermediate"], width["heads"]) for width in work.facts["layer_widths"]}) == 1
    assert same == (scope == "local")


@pytest.mark.model
def test_an_aim_in_megabytes_is_that_of_the_quantized_graph_and_all_beside_it(place):
    whole = prune(place, {"aim": {"size_mb": 10.0}}, "weighed")
    assert [finding.code for finding in whole.reporter.findings] == ["K905"]
    before = whole.facts["aim"]["before"]
    work = prune(place, {"aim": {"size_mb": before / 1e6 - 0.012}, "scope": "global"}, "megabytes")
    aim = work.facts["aim"]
    assert aim["before"] == before
    assert abs(aim["predicted"] - aim["real"]) < 0.01 * before
    assert aim["real"] <= aim["wanted"] * 1.01
    assert aim["wanted"] - aim["real"] < 1500


@pytest.mark.model
def test_an_aim_out_of_reach_is_refused_with_the_least_that_can_be_reached(place):
    with pytest.raises(StageError, match=r"wants 9,000 parameters, but .* 1\d,\d{3} parameters are left, the least"):
        prune(place, {"aim": {"parameters": 9000}}, "unreachable")


@pytest.mark.model
def test_everything_in_steps_killed_between_two_of_them_ends_with_the_same_bytes(place):
    settings = {
        "aim": {"parameters": 14500},
        "hidden": 24,
        "vocabulary": 130,
        "steps": 3,
        "schedule": "cubic",
        "scope": "global",
        "importance": "taylor-squared",
        "recover": RECOVER,
    }
    whole = prune(place, settings, "whole")
    counts = [line["parameters"] for line in whole.facts["steps"]]
    assert counts[0] > counts[1] > counts[2]
    assert whole.facts["aim"]["real"] == counts[2] <= 14500
    assert whole.facts["validation_steps"].keys() >= {"hidden refit", "refit 1", "recovered 1", "refit 3", "recovered 3"}

    class KilledError(Exception):
        """Stands for the end of the process."""

    class Killer(works.Listener):
        def event(self, kind: str, **fields: Any) -> None:
            if kind == "prune" and fields["step"] == "refit 3":
                raise KilledError

    with pytest.raises(KilledError):
        prune(place, settings, "killed", reporter=Killer())
    again = prune(place, settings, "resumed", checkpoints=place[0] / "killed-checkpoints")
    assert works.artifact(again.folder).content == works.artifact(whole.folder).content
    assert again.facts["steps"] == whole.facts["steps"]
    assert again.facts["validation_steps"] == whole.facts["validation_steps"]


@pytest.mark.model
def test_taylor_by_the_teachers_answers_needs_a_model_that_differs_from_it(place):
    with pytest.raises(StageError, match="agrees with the teacher"):
        prune(place, {"heads": 0.5, "importance": "taylor", "gradients": "teacher"}, "agrees")
    settings = {"heads": 0.5, "hidden": 0.75, "importance": "taylor", "gradients": "labels", "scope": "global"}
    work = prune(place, settings | {"intermediate": 0.5, "steps": 2}, "labels")
    assert sum(width["heads"] for width in work.facts["layer_widths"]) == 4
    assert sum(width["intermediate"] for width in work.facts["layer_widths"]) == 64
    assert work.facts["steps"][-1]["hidden"] == 24


@pytest.mark.model
def test_an_aim_in_milliseconds_takes_what_saves_time_and_times_the_result_again(place, monkeypatch):
    """Made-up times: neurons save nothing, heads do; so only heads go, and the second measurement is told beside the prediction."""
    from compactor.stages import _latency_table
    from compactor.stages._timing import Times

    def made_up(work: Any, folders: Any, tokenizer: Any, raw: Any, *, seconds: float) -> Times:
        assert all((folder / "model.onnx").is_file() for folder in folders.values())
        told = {"whole": 1.0, "before": 2.0, "after": 1.3}
        times = {name: 0.2 + 0.1 * int(name.split()[-1]) if "heads" in name else 0.6 for name in folders if name not in told}
        return Times(times | {name: told[name] for name in folders if name in told}, "measured", "")

    monkeypatch.setattr(_latency_table, "take_times", made_up)
    monkeypatch.setattr(_latency_table, "POINTS", 2)
    settings = {"aim": {"latency_ms": 0.65}, "scope": "global"}
    work = prune(place, settings, "milliseconds")
    widths = work.facts["layer_widths"]
    assert [width["intermediate"] for width in widths] == [64, 64]
    assert sum(width["heads"] for width in widths) == 4  # each of 8 heads takes 0.1 ms of 1.0
    aim = work.facts["aim"]
    assert (aim["unit"], aim["before"], aim["evidence"]) == ("ms", 1.0, "measured")
    assert aim["predicted"] == pytest.approx(0.6)
    assert (aim["real"], aim["before_again"]) == (1.3, 2.0)
    # 1.3 of 2.0 is 0.65 of the 1.0 that the table began with: the aim is met.
    assert "K907" not in {finding.code for finding in work.reporter.findings}
    assert "K908" in {finding.code for finding in work.reporter.findings}
    faster = prune(place, {"aim": {"speedup": 1.25}, "scope": "global"}, "faster")
    assert faster.facts["aim"]["wanted"] == faster.facts["aim"]["predicted"] == pytest.approx(0.8)
    with pytest.raises(StageError, match=r"wants 0.1 ms, but .* 0.4 ms are left"):
        prune(place, {"aim": {"latency_ms": 0.1}}, "too-fast")


@pytest.mark.model
def test_a_target_that_is_not_here_is_estimated_and_said_so_and_one_of_which_nothing_is_known_is_refused(place, monkeypatch):
    from compactor.stages import _latency_table

    monkeypatch.setattr(_latency_table, "POINTS", 2)
    root, data, teacher = place
    work = works.make_work(root, "estimated", data, teacher=teacher)
    work.target = load_target("arm-a76")
    Prune.model_validate({"aim": {"latency_ms": 9.0, "parts": ["heads"]}}).run(teacher, work)
    assert work.facts["aim"]["table"]["evidence"] == "estimated"
    assert {"K905", "K906"} <= {finding.code for finding in work.reporter.findings}
    unknown = works.make_work(root, "unknown", data, teacher=teacher)
    unknown.target = work.target.model_copy(update={"speed": None, "calibration": None, "name": "unknown-board"})
    with pytest.raises(StageError, match="no calibration of unknown-board"):
        Prune.model_validate({"aim": {"latency_ms": 1.0}}).run(teacher, unknown)


@pytest.mark.model
def test_the_graph_of_a_model_with_widths_of_its_own_answers_as_the_model_does(place):
    import numpy as np

    from compactor.checks.answers import onnx_answer
    from compactor.pruning.activations import run_model
    from compactor.stages._inputs import encoded, load_model
    from compactor.stages._plain_graph import plain_graph

    settings = {"hidden": 24, "intermediate": [40, 16], "heads": [3, 1]}
    work = prune(place, settings, "graph")
    model = load_model(work, work.folder)
    plain_graph(model, work.folder, work, "fp32", work.checkpoints / "graph")
    batch = encoded(work, work.folder, "validation").batch(np.arange(16))
    graph = onnx_answer(work.checkpoints / "graph" / "model.onnx", threads=1)
    expected = run_model(model, batch).numpy()
    # Of the largest logit, a tenth of what export itself tolerates; both compute in float32.
    assert np.abs(graph(batch) - expected).max() < 1e-5 * np.abs(expected).max()


@pytest.mark.model
def test_times_between_and_below_the_widths_that_were_timed():
    from compactor.stages._latency_table import points, saved_ms

    assert points([64, 64], [8, 8], 8) == [8, 24, 32, 48, 64]
    assert points([4, 3], [1, 1], 1) == [1, 2, 3, 4]
    prices = saved_ms([8, 16, 32], [1.0, 2.0, 1.5], 32)
    assert len(prices) == 33
    # Faster by noise counts as equal; below the narrowest nothing more is saved.
    assert [prices[count] for count in (0, 8, 12, 16, 32)] == [0.0, 0.0, 0.5, 1.0, 1.0]


@pytest.mark.model
def test_the_last_layer_has_prices_of_its_own():
    """A head that reads the first piece alone leaves the last layer little to compute: cutting there saves little."""
    from compactor.stages._latency_table import _name, _prices

    inside, last = {4: 1.0, 8: 2.0}, {4: 0.5, 8: 0.6}
    times = {_name("heads", width, as_last): ms[width] for as_last, ms in ((False, inside), (True, last)) for width in ms}
    prices = _prices([4, 8], [8, 8, 6], "heads", times)
    assert [float(each[-1]) for each in prices] == pytest.approx([1.0, 1.0, 0.05])
