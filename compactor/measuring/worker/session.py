"""Makes the onnxruntime session with the options asked for, and checks that the provider asked for is the one that runs the nodes."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from typing import Any

from compactor.measuring.worker.cascade import Cascade
from compactor.measuring.worker.cores import choose_cores
from compactor.measuring.worker.counters import peak_memory_bytes

CPU = "CPUExecutionProvider"
LEVELS = {
    "all": "ORT_ENABLE_ALL",
    "extended": "ORT_ENABLE_EXTENDED",
    "basic": "ORT_ENABLE_BASIC",
    "disabled": "ORT_DISABLE_ALL",
}
# Providers keep what only calculates shapes on the processor on purpose (onnxruntime: GetCpuPreferredNodes): a few integers, which
# would cost more to send than to compute. A graph's real work is never made of these alone.
SHAPE_OPERATORS = frozenset(
    {
        *("Shape", "Size", "Gather", "Concat", "Unsqueeze", "Squeeze", "Slice", "Cast", "Reshape", "Range", "ConstantOfShape"),
        *("Add", "Sub", "Mul", "Div", "Mod", "Min", "Max", "Floor", "Ceil", "Equal", "Greater", "Less", "Not", "And", "Or"),
        *("Where", "Expand", "ReduceProd", "ReduceMax", "NonZero", "Identity", "Split", "Transpose", "Constant"),
    }
)


class ProviderMissingError(Exception):
    """The execution provider asked for is not there, or onnxruntime took another one."""


class FallbackError(Exception):
    """The provider is there, and has no kernel for some nodes: they would silently run on the processor."""


def load(job: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Import onnxruntime and make the session; return it with what is known after that."""
    cores = _bind(job.get("affinity"), job.get("threads", 1))
    memory = {"python": peak_memory_bytes()}
    begun = time.perf_counter_ns()
    import onnxruntime

    import_ms = (time.perf_counter_ns() - begun) / 1e6
    memory["runtime"] = peak_memory_bytes()
    provider = job["provider"]
    if hasattr(onnxruntime, "preload_dlls") and provider in {"CUDAExecutionProvider", "TensorrtExecutionProvider"}:
        onnxruntime.preload_dlls()  # finds the CUDA libraries that came as wheels
    if provider not in onnxruntime.get_available_providers():
        raise ProviderMissingError(f"{provider} is not in this onnxruntime: {', '.join(onnxruntime.get_available_providers())}")
    options = session_options(onnxruntime, job)
    begun = time.perf_counter_ns()
    session = onnxruntime.InferenceSession(job["model"], options, providers=[(provider, provider_options(job))])
    larger = job.get("larger")
    if larger:
        second = onnxruntime.InferenceSession(larger["model"], options, providers=[(provider, provider_options(job))])
    load_ms = (time.perf_counter_ns() - begun) / 1e6
    memory["load"] = peak_memory_bytes()
    used = session.get_providers()
    if used[0] != provider:
        raise ProviderMissingError(f"{provider} could not be started, onnxruntime took {used[0]} instead")
    assigned = assignment(session)
    if not job.get("allow_cpu_fallback"):
        check_assignment(provider, assigned)
    if larger:
        session = Cascade(session, second, larger)
    return session, {
        "inputs": [{"name": each.name, "type": each.type, "shape": each.shape} for each in session.get_inputs()],
        "outputs": [{"name": each.name, "type": each.type, "shape": each.shape} for each in session.get_outputs()],
        "import_ms": import_ms,
        "load_ms": load_ms,
        "providers": used,
        "assignment": assigned,
        "cores": cores,
        "versions": {"onnxruntime": onnxruntime.__version__, "python": ".".join(str(part) for part in sys.version_info[:3])},
        "memory_bytes": memory,
    }


def session_options(onnxruntime: Any, job: dict[str, Any]) -> Any:
    """Return the session options of a job; what it does not name is what a bundle recommends: one thread, no spinning, all fusions."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job.get("threads", 1)
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_cpu_mem_arena = job.get("arena", True)
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, LEVELS[job.get("graph_level", "all")])
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if job.get("spinning") else "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    tells = hasattr(onnxruntime.InferenceSession, "get_provider_graph_assignment_info")
    if not tells and job["provider"] != CPU and not job.get("allow_cpu_fallback"):
        # Older than 1.24: it cannot say which node runs where, but it can refuse to put any on the processor.
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return options


def provider_options(job: dict[str, Any]) -> dict[str, str]:
    """Return the provider's own options, with the one that turns CUDA graphs on where they are asked for."""
    options = {str(name): str(value) for name, value in (job.get("provider_options") or {}).items()}
    if job.get("cuda_graphs") and job["provider"] == "CUDAExecutionProvider":
        options.setdefault("enable_cuda_graph", "1")
    if job.get("cuda_graphs") and job["provider"] == "TensorrtExecutionProvider":
        options.setdefault("trt_cuda_graph_enable", "1")
    return options


def assignment(session: Any) -> dict[str, dict[str, int]] | None:
    """Return how many nodes of each operator each provider runs, after all fusions; None where onnxruntime cannot tell."""
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return None
    counts: dict[str, Counter[str]] = {}
    for part in session.get_provider_graph_assignment_info():
        counts.setdefault(part.ep_name, Counter()).update(node.op_type for node in part.get_nodes())
    return {provider: dict(operators) for provider, operators in counts.items()}


def check_assignment(provider: str, assigned: dict[str, dict[str, int]] | None) -> None:
    """Raise FallbackError when nodes that do real work are left to another provider than the one asked for."""
    if assigned is None or provider == CPU:
        return
    elsewhere: Counter[str] = Counter()
    for other, operators in assigned.items():
        if other != provider:
            elsewhere.update({name: count for name, count in operators.items() if name not in SHAPE_OPERATORS})
    if not elsewhere and assigned.get(provider):
        return
    if not elsewhere:
        raise FallbackError(f"{provider} took none of the graph's nodes")
    total = sum(sum(operators.values()) for operators in assigned.values())
    named = ", ".join(f"{name} ({count})" for name, count in elsewhere.most_common())
    raise FallbackError(
        f"{provider} has no kernel for {sum(elsewhere.values())} of {total} nodes, which fell to the processor: {named}"
    )


def _bind(affinity: list[int] | str | None, threads: int) -> list[int] | None:
    """Bind this process to cores; return them, None when it may run anywhere."""
    if not affinity or not hasattr(os, "sched_setaffinity"):
        return None
    cores = choose_cores(threads) if isinstance(affinity, str) else sorted(affinity)
    os.sched_setaffinity(0, cores)
    return cores
