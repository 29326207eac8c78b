"""Settings of export and quantize that a target, a backend or a missing package does not allow: told before any work."""

from __future__ import annotations

from typing import Any

import pytest

from compactor.stages.export import Export
from compactor.stages.quantize import Quantize
from compactor.targets import Target, load_target


def problems(stage: Any, target: Target) -> list[tuple[tuple[str | int, ...], str]]:
    return [(path, problem.code) for path, problem in stage.problems(task=None, target=target)]


def old(version: str) -> Target:
    return Target(name="old", title="", machine="any", oldest_onnxruntime=version)


def test_int8_for_a_provider_without_its_kernels_is_a_mistake():
    server, laptop = load_target("server-gpu"), load_target("laptop-cpu")
    assert problems(Quantize(), server) == [(("method",), "Q110")]
    assert problems(Quantize(method="fp16"), server) == []
    assert problems(Quantize(), laptop) == []
    assert problems(Quantize(method="fp16"), laptop) == [(("method",), "Q110")]
    assert problems(Quantize(method="int4"), old("1.16")) == [(("method",), "Q121")]
    assert problems(Quantize(method="int4"), old("1.17")) == []
    assert problems(Quantize(method="int4"), server) == [(("method",), "Q110")]


def test_an_opset_must_fit_the_backend_and_the_oldest_runtime():
    assert problems(Export(), old("1.16")) == []
    assert problems(Export(opset=18), old("1.14")) == []
    assert problems(Export(opset=20), old("1.16")) == [(("opset",), "X101")]
    assert problems(Export(opset=21), old("1.20")) == [(("opset",), "X101")]
    assert problems(Export(backend="dynamo", opset=17), old("1.20")) == [(("opset",), "X101")]
    assert problems(Export(backend="dynamo"), old("1.12")) == [(("backend",), "X101")]


@pytest.mark.parametrize(("backend", "wanted"), [("optimum", [(("exits",), "X147")]), ("torchscript", []), ("dynamo", [])])
def test_early_exits_are_not_for_optimum(backend, wanted):
    assert problems(Export(exits=True, backend=backend), old("1.18")) == wanted


@pytest.mark.parametrize(("backend", "wanted"), [("dynamo", [(("backend",), "X148")]), ("torchscript", [])])
def test_a_package_that_dynamo_needs_is_missed_before_any_work(backend, wanted, monkeypatch):
    monkeypatch.setattr("compactor.stages.export.find_spec", lambda name: None)
    assert [(path, problem.code) for path, problem in Export(backend=backend).file_problems(())] == wanted
    monkeypatch.setattr("compactor.stages.export.find_spec", lambda name: object())
    assert list(Export(backend=backend).file_problems(())) == []


def test_the_opset_comes_from_the_oldest_runtime():
    assert Export().opset_for(old("1.16")) == 17
    assert Export(backend="dynamo").opset_for(old("1.16")) == 18
    assert Export(backend="dynamo").opset_for(old("1.18")) == 20


def test_the_ladder_has_only_steps_that_the_target_has_kernels_for():
    from types import SimpleNamespace

    from compactor.stages._repair import _rungs

    def names(stage: Quantize, *precisions: str) -> list[str]:
        return [name for name, _ in _rungs(stage, SimpleNamespace(target=SimpleNamespace(precisions=precisions)))]

    assert names(Quantize(per_channel=False), "int8", "fp16") == [
        "a scale for each column",
        "sensitive nodes in float",
        "static ranges",
        "half precision",
    ]
    assert names(Quantize(method="int4"), "int8") == ["sensitive nodes in float", "8 bits", "static ranges"]
    assert names(Quantize(method="static-int8"), "int8") == ["sensitive nodes in float"]
    assert problems(Quantize(method="fp16", repair=True), load_target("server-gpu")) == [(("repair",), "Q115")]
