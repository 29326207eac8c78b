"""What a measurement on this machine is worth for a target: the target itself, the same class of chip, or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compactor.targets import Target

SAME_MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}
X86_DOT_PRODUCTS = frozenset({"avx_vnni", "avx512_vnni"})


@dataclass(frozen=True)
class ThisMachine:
    """The target `host` without YAML and pydantic."""

    name: str = "host"
    machine: str = "any"
    system: str = "any"
    form: str = "any"
    instructions: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    int8_dot_product: bool = True
    provider: str = "CPUExecutionProvider"
    threads: int = 1
    spinning: bool = False
    batches: tuple[int, ...] = (1, 8)
    lengths: tuple[int, ...] = (16, 64, 128)
    provider_options: dict[str, str] = field(default_factory=dict)
    allow_cpu_fallback: bool = False
    io_binding: bool = False
    cuda_graphs: bool = False
    price_per_hour: float | None = None
    currency: str = "USD"


@dataclass(frozen=True)
class Evidence:
    """`kind` is `measured`, `proxy` or None; `reason` says why it is not `measured`."""

    kind: str | None
    reason: str = ""


def architecture(machine: str) -> str:
    """Return the architecture as Linux's `uname -m` prints it: macOS says arm64 of what Linux calls aarch64, Windows AMD64."""
    return SAME_MACHINE.get(machine.lower(), machine)


def local_evidence(target: Target | ThisMachine, machine: dict[str, Any], *, where: str = "this machine") -> Evidence:
    """Judge a measurement made on this machine, or on another that a runner reaches.

    Args:
        target: where the model must run.
        machine: what `base.environment.machine()` found there.
        where: what the machine is called in sentences.

    Returns:
        `measured` when this is the target's kind of machine (architecture, instruction sets, form, cores); `proxy` when only
        the architecture and the instruction sets are right; None when this machine says nothing about the target's speed.
    """
    here = architecture(machine["machine"])
    if target.machine not in ("any", here):
        return Evidence(None, f"the target {target.name} is {target.machine}, {where} is {here}")
    missing = sorted(set(target.instructions) - set(machine["instruction_sets"]))
    if missing:
        return Evidence(None, f"{where} lacks {', '.join(missing)}, which the target {target.name} has")
    there = str(machine.get("system", "")).partition(" ")[0]
    if target.system not in ("any", there):
        return Evidence("proxy", f"the target {target.name} runs {target.system}, {where} runs {there or 'something else'}")
    if more := sorted(set(target.without) & set(machine["instruction_sets"])):
        return Evidence("proxy", f"{where} has {', '.join(more)}, which the target {target.name} lacks: int8 is faster there")
    if _lacks_dot_products(target, machine):
        return Evidence("proxy", f"{where} has no 8-bit dot products, the target {target.name} has: int8 is slower there")
    if target.threads > machine["cores_allowed"]:
        return Evidence(
            "proxy",
            f"the target {target.name} has {target.threads} threads, on {where} {machine['cores_allowed']} cores may be used",
        )
    limit = machine.get("cores_limit")
    if limit is not None and limit < target.threads:
        threads = f"{target.threads} thread{'s' if target.threads > 1 else ''}"
        return Evidence("proxy", f"the target {target.name} has {threads}, on {where} a container may use {limit:g} of a core")
    if target.form not in ("any", machine["chassis"]):
        form = machine["chassis"] if machine["chassis"] != "unknown" else "machine of unknown form"
        return Evidence("proxy", f"the target {target.name} is a {target.form}, {where} is a {form}: {machine['cpu_model']}")
    return Evidence("measured")


def _lacks_dot_products(target: Target | ThisMachine, machine: dict[str, Any]) -> bool:
    """Whether an x86 machine lacks VNNI, which the target has; an ARM target names its dot products in `instructions`."""
    return target.machine == "x86_64" and target.int8_dot_product and not X86_DOT_PRODUCTS & set(machine["instruction_sets"])
