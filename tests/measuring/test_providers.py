"""What a machine lacks for a provider, and what to type."""

from __future__ import annotations

from pathlib import Path

import pytest

from compactor.measuring import providers
from compactor.measuring.providers import CPU, CUDA, TENSORRT, installed_packages, what_is_missing


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(providers, "CUDA_FOLDERS", (tmp_path / "cuda",))
    file = tmp_path / "version"
    file.write_text("NVRM version", encoding="ascii")
    return file


def told(provider: str, names: list[str], driver: Path) -> list[str]:
    missing = what_is_missing(provider, dict.fromkeys(names, "1"), driver=driver)
    assert all(each.remedy for each in missing)
    return [each.sentence for each in missing]


def test_the_processor_needs_onnxruntime_only(driver: Path) -> None:
    assert told(CPU, ["onnxruntime"], driver) == []
    assert told(CPU, ["onnxruntime-gpu"], driver) == []
    assert told(CPU, ["onnxruntime_openvino"], driver) == []
    assert told(CPU, ["onnxruntime-directml"], driver) == []
    assert told(CPU, ["onnxruntime-extensions"], driver) == ["no onnxruntime"]
    assert told(CPU, [], driver) == ["no onnxruntime"]


def test_a_gpu_needs_driver_runtime_and_libraries(driver: Path, tmp_path: Path) -> None:
    complete = ["onnxruntime_gpu", "nvidia-cublas"]
    assert told(CUDA, complete, driver) == []
    assert told(CUDA, complete, tmp_path / "absent") == ["no NVIDIA GPU or no driver"]
    assert told(CUDA, ["onnxruntime"], driver) == ["the onnxruntime here is built for the processor only"]
    assert told(CUDA, ["onnxruntime-gpu"], driver) == ["no CUDA 13 libraries"]
    assert told(TENSORRT, complete, driver) == ["no TensorRT 10"]
    assert told(TENSORRT, [*complete, "tensorrt-cu13"], driver) == []


def test_system_libraries_will_do(driver: Path, tmp_path: Path) -> None:
    (tmp_path / "cuda").mkdir()
    (tmp_path / "cuda" / "libcublasLt.so.13").touch()
    assert told(CUDA, ["onnxruntime-gpu"], driver) == []


def test_both_runtimes_at_once_are_found_out(driver: Path) -> None:
    missing = what_is_missing(CUDA, {"onnxruntime": "1", "onnxruntime-gpu": "1"}, driver=driver)
    assert "overwrite each other" in missing[0].sentence
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in missing[0].remedy


def test_other_providers_name_their_package(driver: Path) -> None:
    assert told("OpenVINOExecutionProvider", ["onnxruntime"], driver) == ["no onnxruntime-openvino"]
    assert told("CoreMLExecutionProvider", ["onnxruntime"], driver) == []


def test_installed_packages_are_read_from_metadata() -> None:
    assert "pytest" in installed_packages()
