"""What a machine lacks to run an execution provider, told from package metadata and the driver; nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compactor.base.environment import RUNTIMES

NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
CUDA, TENSORRT, CPU = "CUDAExecutionProvider", "TensorrtExecutionProvider", "CPUExecutionProvider"
COLLISION = "pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime-gpu"
INSTALL_GPU = 'pip uninstall -y onnxruntime && pip install "onnxruntime-gpu[cuda,cudnn]"'
# The package that brings a provider; the plain onnxruntime of macOS has CoreML inside.
PACKAGES = {
    "OpenVINOExecutionProvider": "onnxruntime-openvino",
    "DmlExecutionProvider": "onnxruntime-directml",
    "QNNExecutionProvider": "onnxruntime-qnn",
    "ROCMExecutionProvider": "onnxruntime-rocm",
    "MIGraphXExecutionProvider": "onnxruntime-migraphx",
}
CUDA_FOLDERS = (Path("/usr/local/cuda/lib64"), Path("/usr/lib/x86_64-linux-gnu"), Path("/usr/lib/aarch64-linux-gnu"))


@dataclass(frozen=True)
class Missing:
    """One thing that is not there: a sentence, and what to type."""

    sentence: str
    remedy: str


def what_is_missing(provider: str, installed: Mapping[str, str], *, driver: Path = NVIDIA_DRIVER) -> list[Missing]:
    """Return what keeps this machine from running a provider; nothing when it can.

    Args:
        provider: onnxruntime's name of it.
        installed: versions by package name, as `importlib.metadata` tells them.
        driver: the file that NVIDIA's driver shows.
    """
    names = {name.lower().replace("_", "-") for name in installed}
    if provider == CPU:
        return [] if names & set(RUNTIMES) else [Missing("no onnxruntime", "pip install onnxruntime")]
    if provider in (CUDA, TENSORRT):
        return _missing_for_nvidia(provider, names, driver)
    package = PACKAGES.get(provider)
    if package is None or package in names:
        return []  # only onnxruntime itself can tell; it is asked before anything is measured
    return [Missing(f"no {package}", f"pip uninstall -y onnxruntime && pip install {package}")]


def _missing_for_nvidia(provider: str, names: set[str], driver: Path) -> list[Missing]:
    missing = []
    if not driver.exists():
        missing.append(
            Missing("no NVIDIA GPU or no driver", "install NVIDIA's driver, and give the container the GPU (--gpus all)")
        )
    if {"onnxruntime", "onnxruntime-gpu"} <= names:
        missing.append(Missing("onnxruntime and onnxruntime-gpu overwrite each other", COLLISION))
    elif "onnxruntime-gpu" not in names:
        missing.append(Missing("the onnxruntime here is built for the processor only", INSTALL_GPU))
    elif not _has_cuda_libraries(names):
        missing.append(Missing("no CUDA 13 libraries", 'pip install "onnxruntime-gpu[cuda,cudnn]"'))
    if provider == TENSORRT and not any(name.startswith("tensorrt") for name in names):
        missing.append(Missing("no TensorRT 10", 'pip install "tensorrt-cu13==10.*"'))
    return missing


def _has_cuda_libraries(names: set[str]) -> bool:
    """Whether CUDA's libraries came as wheels or lie in a system folder."""
    if any(name.startswith("nvidia-cublas") for name in names):
        return True
    return any(next(folder.glob("libcublasLt.so.13*"), None) is not None for folder in CUDA_FOLDERS if folder.is_dir())


def installed_packages() -> dict[str, str]:
    """Return the versions of all installed distributions by name, from their metadata alone."""
    from importlib.metadata import distributions

    return {str(each.metadata["Name"]): each.version for each in distributions() if each.metadata["Name"]}
