"""Energy counters: the processor package's (RAPL) and the GPU's (NVML). Nothing is estimated: without a counter there is no figure."""

from __future__ import annotations

import ctypes
import glob
import os
import subprocess
from functools import cache
from typing import Any

from compactor.measuring.worker.counters import ROOT, read


def package_microjoules(root: str = ROOT) -> dict[str, tuple[int, int]]:
    """Return (counter, where it wraps) of each processor package, by zone; empty where there is none or it may not be read.

    Linux powercap, `intel-rapl:N/energy_uj`, AMD's too; readable by root only since CVE-2020-8694.
    """
    found = {}
    for folder in sorted(glob.glob(f"{root}/sys/class/powercap/intel-rapl:*")):
        zone = os.path.basename(folder)
        energy, wraps = read(f"{folder}/energy_uj").strip(), read(f"{folder}/max_energy_range_uj").strip()
        if zone.count(":") == 1 and read(f"{folder}/name").startswith("package") and energy.isdigit() and wraps.isdigit():
            found[zone] = (int(energy), int(wraps))
    return found


def spent_millijoules(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> float | None:
    """Return what all packages spent between two readings less than one wrap apart; None without a counter."""
    if not before or before.keys() != after.keys():
        return None
    spent = 0
    for zone, (old, wraps) in before.items():
        new = after[zone][0]
        spent += new - old if new >= old else new + wraps - old
    return spent / 1e3


def gpu_millijoules() -> int | None:
    """Return the energy that the first visible GPU spent since its driver was loaded (NVML; Volta and newer)."""
    nvml = _nvml()
    if nvml is None:
        return None
    total = ctypes.c_ulonglong()
    library, device = nvml
    return int(total.value) if library.nvmlDeviceGetTotalEnergyConsumption(device, ctypes.byref(total)) == 0 else None


def gpu_memory_bytes() -> int | None:
    """Return the GPU memory of this process as nvidia-smi tells it; None where it does not (in many containers)."""
    try:
        query = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return memory_of_process(done.stdout, os.getpid())


def memory_of_process(listing: str, process_id: int) -> int | None:
    """Return the bytes that nvidia-smi's lines `pid, MiB` give for one process."""
    found = [line.split(",") for line in listing.splitlines() if line.count(",") == 1]
    sizes = [int(size) for pid, size in found if pid.strip() == str(process_id) and size.strip().isdigit()]
    return sum(sizes) << 20 if sizes else None


@cache
def _nvml() -> tuple[Any, Any] | None:
    """Open NVML and the first GPU that this process may use; None without a driver."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    device = ctypes.c_void_p()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    index = int(visible) if visible.isdigit() else 0
    if library.nvmlInit_v2() or library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(device)):
        return None
    return library, device
