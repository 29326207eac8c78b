"""The provider asked for is the one that runs the nodes, and bound inputs give the same answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compactor.base.errors import MissingError
from compactor.measuring.runner import LocalRunner, Worker
from compactor.measuring.worker.session import FallbackError, check_assignment, provider_options

CUDA = "CUDAExecutionProvider"


def test_work_on_another_provider_is_named_by_its_operators() -> None:
    assigned = {CUDA: {"MatMul": 10}, "CPUExecutionProvider": {"Shape": 3, "Gather": 2, "MatMulInteger": 4, "Erf": 1}}
    with pytest.raises(FallbackError, match=r"no kernel for 5 of 20 nodes.*MatMulInteger \(4\), Erf \(1\)") as caught:
        check_assignment(CUDA, assigned)
    assert "Gather" not in str(caught.value)


def test_shape_arithmetic_on_the_processor_is_no_fallback() -> None:
    check_assignment(CUDA, {CUDA: {"MatMul": 10}, "CPUExecutionProvider": {"Shape": 3, "Gather": 2}})
    check_assignment(CUDA, None)  # an onnxruntime that cannot tell refuses by itself
    check_assignment("CPUExecutionProvider", {"CPUExecutionProvider": {"MatMul": 10}})


def test_a_provider_that_took_nothing_is_an_error() -> None:
    with pytest.raises(FallbackError, match="took none"):
        check_assignment(CUDA, {"CPUExecutionProvider": {"Gather": 2}})


def test_cuda_graphs_are_an_option_of_the_provider() -> None:
    job = {"provider": CUDA, "cuda_graphs": True, "provider_options": {"use_tf32": 0}}
    assert provider_options(job) == {"use_tf32": "0", "enable_cuda_graph": "1"}
    assert provider_options({**job, "provider": "TensorrtExecutionProvider"})["trt_cuda_graph_enable"] == "1"
    assert provider_options({**job, "provider": "CPUExecutionProvider"}) == {"use_tf32": "0"}


def _azure() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    if "AzureExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("needs an onnxruntime with a provider that has no kernels")


def test_a_provider_that_loads_and_has_no_kernel_is_an_error_in_one_sentence(make_model: Callable[..., Path]) -> None:
    _azure()
    job = {"model": str(make_model("m", 2)), "provider": "AzureExecutionProvider"}
    with pytest.raises(MissingError) as caught:
        Worker(LocalRunner(), "the student", job)
    assert caught.value.problem.code == "M116"
    assert "AzureExecutionProvider has no kernel for" in str(caught.value)
    assert "Tanh (2)" in str(caught.value)
    assert caught.value.exit_status == 4


def test_a_fallback_that_the_target_allows_is_told(make_model: Callable[..., Path]) -> None:
    _azure()
    job = {"model": str(make_model("m", 2)), "provider": "AzureExecutionProvider", "allow_cpu_fallback": True}
    with Worker(LocalRunner(), "m", job) as worker:
        assert worker.ready["assignment"]["CPUExecutionProvider"]["Tanh"] == 2


def test_bound_inputs_and_outputs_give_the_same_answers(make_model: Callable[..., Path], tmp_path: Path) -> None:
    model = make_model("m", 2)
    random = np.random.default_rng(0)
    lengths = (3, 5, 3, 1)
    feeds = {f"c|{index}|input_ids": random.integers(50, size=(1, length)) for index, length in enumerate(lengths)}
    np.savez(tmp_path / "feeds.npz", **feeds)
    told = []
    for bound in (False, True):
        job = {"model": str(model), "provider": "CPUExecutionProvider", "io_binding": bound}
        with Worker(LocalRunner(), "m", job) as worker:
            worker.ask({"do": "feeds", "path": str(tmp_path / "feeds.npz")})
            worker.ask({"do": "burst", "cell": "c", "feeds": [0, 1, 2, 3, 1, 0], "discard": 1})
            told.append([_unpacked(each["logits"]) for each in worker.ask({"do": "answers", "cell": "c"})["outputs"]])
    assert len({array.tobytes() for array in told[0]}) == len(lengths)
    for plain, bound_array in zip(*told, strict=True):
        np.testing.assert_array_equal(plain, bound_array)


def test_the_same_source_packs_to_the_same_bytes(tmp_path: Path) -> None:
    from compactor.measuring.worker_file import write_worker

    first, second = write_worker(tmp_path / "a.pyz"), write_worker(tmp_path / "b.pyz")
    assert first.read_bytes() == second.read_bytes()


def _unpacked(packed: dict[str, Any]) -> np.ndarray:
    json.dumps(packed)
    return np.frombuffer(base64.b64decode(packed["base64"]), dtype=packed["dtype"]).reshape(packed["shape"])
