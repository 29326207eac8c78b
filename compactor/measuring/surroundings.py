"""What decides times besides the graphs and their inputs: where they are taken, and with which runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compactor.base.environment import gpus, machine
from compactor.measuring.providers import CPU, installed_packages

if TYPE_CHECKING:
    from compactor.targets import Target


def surroundings(target: Target) -> dict[str, Any]:
    """Return target, machine, every package of onnxruntime and, of a provider that has them, the GPUs: for the identity of kept times."""
    installed = {name.lower(): version for name, version in installed_packages().items()}
    return {
        "target": target.key(),
        "machine": machine(),
        "runtimes": {name: installed[name] for name in sorted(installed) if name.startswith("onnxruntime")},
        "gpus": gpus() if target.provider != CPU else [],
    }
