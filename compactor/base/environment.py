"""What this machine is: processor, cores and memory that may be used, chassis, package versions. Standard library only.

Every probe that finds nothing answers None or "unknown"; nothing is guessed.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

ROOT = Path("/")
# One module, built for different hardware: whichever package is installed brings `import onnxruntime` and runs on the processor too.
RUNTIMES = ("onnxruntime", *(f"onnxruntime-{kind}" for kind in ("gpu", "openvino", "directml", "qnn", "rocm", "migraphx")))
PACKAGES = (
    "numpy",
    *RUNTIMES,
    "filelock",
    "tokenizers",
    "onnx",
    "onnxscript",
    "pillow",
    "pyarrow",
    "pydantic",
    "rich",
    "ruamel.yaml",
    "safetensors",
    "scikit-learn",
    "seqeval",
    "torch",
    "torch-pruning",
    "transformers",
    "datasets",
    "accelerate",
    "optimum",
    "optimum-onnx",
    "bitsandbytes",
    "nncf",
)
# The instruction sets that decide which kernels run; spelled as /proc/cpuinfo spells them.
X86_INSTRUCTIONS = frozenset({"sse4_1", "sse4_2", "avx", "avx2", "fma", "f16c", "avx_vnni", "amx_tile", "amx_int8", "amx_bf16"})
AVX512_INSTRUCTIONS = frozenset({"avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16"})
ARM_INSTRUCTIONS = frozenset({"asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme"})
# Of them those that multiply bf16 numbers, as far as training was tried on them.
BF16_INSTRUCTIONS = frozenset({"avx512_bf16", "amx_bf16"})
# DMI chassis types (SMBIOS 3.7, table 17).
LAPTOP_CHASSIS = frozenset({8, 9, 10, 14, 30, 31, 32})
SERVER_CHASSIS = frozenset({17, 23, 25, 28, 29})
NO_LIMIT_BYTES = 1 << 60  # cgroup v1 writes a huge number where it means "none"


def machine(root: Path = ROOT) -> dict[str, Any]:
    """Describe this machine.

    Args:
        root: where /proc and /sys are looked up; another folder in tests.

    Returns:
        `system`, `machine` (as `uname -m`), `cpu_model`, `instruction_sets` (sorted, as in /proc/cpuinfo), `cores` (logical),
        `cores_limit` (cgroup quota in cores, a float, or None), `cores_allowed` (threads worth starting, at least 1),
        `memory_bytes`, `memory_limit_bytes` (cgroup, or None), `governor`, `chassis` (laptop, server, board, unknown),
        `product`, `battery`, `virtualised` (None where it cannot be seen).
    """
    cpu = _cpuinfo(root)
    cores = os.cpu_count() or 1
    limit = _cgroup_cores(root)
    product = _product(root)
    battery = _battery(root)
    return {
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cpu_model": cpu["model"] or _sysctl("machdep.cpu.brand_string") or platform.processor() or "unknown",
        "instruction_sets": sorted((X86_INSTRUCTIONS | AVX512_INSTRUCTIONS | ARM_INSTRUCTIONS) & cpu["flags"]),
        "cores": cores,
        "cores_limit": limit,
        "cores_allowed": cores_allowed(root),
        "memory_bytes": _memory_bytes(),
        "memory_limit_bytes": _cgroup_memory(root),
        "governor": _read(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or None,
        "chassis": _chassis(root, battery),
        "product": product or None,
        "battery": battery,
        "virtualised": _virtualised(root, cpu["flags"], product),
    }


def cores_allowed(root: Path = ROOT) -> int:
    """Return how many threads are worth starting: the affinity mask, bounded by the cgroup's quota; at least 1."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = _cgroup_cores(root)
    return max(1, min(affinity, int(limit) if limit else affinity))


def versions(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Return the installed version of Python, compactor and each known package, without imports; absent ones are left out."""
    from importlib.metadata import PackageNotFoundError, version

    import compactor

    found = {"python": platform.python_version(), "compactor": compactor.__version__}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def gpus() -> list[str]:
    """Return name and driver of each NVIDIA GPU; none where the driver's tool is not there, and of other makers."""
    told = _output(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"])
    return told.splitlines() if told else []


def load_average() -> tuple[float, float, float] | None:
    """Return the runnable processes, averaged over 1, 5 and 15 minutes; None where the system does not tell."""
    return os.getloadavg() if hasattr(os, "getloadavg") else None


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return `{commit, dirty}` of the git checkout that holds a folder; None outside a checkout or without git."""
    commit = _output(["git", "-C", str(folder), "rev-parse", "HEAD"])
    if commit is None:
        return None
    changed = _output(["git", "-C", str(folder), "status", "--porcelain", "--untracked-files=no"])
    return {"commit": commit, "dirty": None if changed is None else bool(changed)}


def _cpuinfo(root: Path) -> dict[str, Any]:
    """Read the model name and the flags of the first processor (x86 `flags`, ARM `Features`)."""
    model, flags = "", frozenset[str]()
    for line in _read(root / "proc/cpuinfo").splitlines():
        name, _, value = (part.strip() for part in line.partition(":"))
        if name in {"model name", "Model"} and not model:
            model = value
        elif name in {"flags", "Features"} and not flags:
            flags = frozenset(value.split())
    return {"model": model, "flags": flags}


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _cgroup_folders(root: Path, controller: str) -> list[Path]:
    """List this process's cgroup and its parents, for one controller; a container may show only the top one."""
    folders = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and controller not in controllers.split(","):
            continue
        mounted = root / "sys/fs/cgroup"
        bases = [mounted / controller] if controllers else [mounted, mounted / "unified"]
        inside = Path(path.lstrip("/"))
        folders += [base / step for base in bases for step in (inside, *inside.parents)]
    return folders


def _cgroup_cores(root: Path) -> float | None:
    """Return the tightest processor quota, in cores: v2 `cpu.max`, v1 `cpu.cfs_quota_us` over `cpu.cfs_period_us`."""
    limits = []
    for folder in _cgroup_folders(root, "cpu"):
        quota, period = [*_read(folder / "cpu.max").split(), "", ""][:2]
        if not quota:
            quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(period):
            limits.append(int(quota) / int(period))
    return min(limits, default=None)


def _cgroup_memory(root: Path) -> int | None:
    """Return the tightest memory limit in bytes: v2 `memory.max`, v1 `memory.limit_in_bytes`."""
    limits = []
    for folder in _cgroup_folders(root, "memory"):
        text = _read(folder / "memory.max") or _read(folder / "memory.limit_in_bytes")
        if text.isdigit() and int(text) < NO_LIMIT_BYTES:
            limits.append(int(text))
    return min(limits, default=None)


def _battery(root: Path) -> bool:
    supplies = root / "sys/class/power_supply"
    try:
        return any(_read(supply / "type") == "Battery" and _read(supply / "scope") != "Device" for supply in supplies.iterdir())
    except OSError:
        return False


def _product(root: Path) -> str:
    """Return what the maker calls the machine: the device tree's model, or vendor and product of the DMI table."""
    model = _read(root / "proc/device-tree/model").rstrip("\0")
    dmi = root / "sys/class/dmi/id"
    return model or f"{_read(dmi / 'sys_vendor')} {_read(dmi / 'product_name')}".strip()


def _chassis(root: Path, battery: bool) -> str:
    """Say what kind of machine it is; a machine with a device tree and no DMI chassis is taken for a board."""
    kind = _read(root / "sys/class/dmi/id/chassis_type")
    if kind.isdigit() and int(kind) in LAPTOP_CHASSIS | SERVER_CHASSIS:
        return "laptop" if int(kind) in LAPTOP_CHASSIS else "server"
    if not kind and _read(root / "proc/device-tree/model"):
        return "board"
    return "laptop" if battery or _sysctl("hw.model").startswith("MacBook") else "unknown"


def _virtualised(root: Path, flags: frozenset[str], product: str) -> bool | None:
    """Say whether a hypervisor is below; None where neither the processor nor the firmware tells."""
    if "hypervisor" in flags or (root / "sys/hypervisor/type").is_file():
        return True
    makers = ("qemu", "kvm", "vmware", "virtualbox", "xen", "amazon ec2", "google compute", "microsoft corporation virtual")
    if any(maker in product.lower() for maker in makers):
        return True
    return False if flags and product else None


def _sysctl(name: str) -> str:
    return (_output(["sysctl", "-n", name]) or "") if platform.system() == "Darwin" else ""


def _output(command: list[str]) -> str | None:
    """Return what a command prints, without blanks around it; None when it fails or is not installed."""
    import subprocess

    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _read(path: Path) -> str:
    """Return a small file's text without blanks around it; empty when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
