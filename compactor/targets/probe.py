"""Writes the description of a machine that was looked at, as a target's YAML."""

from __future__ import annotations

import json
import re
from typing import Any

DOT_PRODUCTS = frozenset({"avx_vnni", "avx512_vnni", "asimddp"})
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
FORMS = ("laptop", "server", "board")


def target_yaml(name: str, machine: dict[str, Any], *, provider: str, onnxruntime: str | None) -> str:
    """Return the YAML of a target that is exactly this machine; what could not be found is left out.

    Args:
        name: of the target.
        machine: what `base.environment.machine()` found.
        provider: the execution provider that would be used.
        onnxruntime: version installed, None without one.
    """
    kind = MACHINES.get(machine["machine"].lower(), machine["machine"])
    # macOS lists no instruction sets as Linux does, and every processor of Apple's own has dot products.
    apple = kind == "aarch64" and machine["system"].startswith("Darwin")
    sizes = [size for size in (machine["memory_bytes"], machine["memory_limit_bytes"]) if size]
    limit = f", limited to {machine['cores_limit']:g}" if machine["cores_limit"] else ""
    rows: list[tuple[str, Any, str]] = [
        ("name", name, ""),
        ("title", f"{machine['product'] or 'a machine'} with {machine['cpu_model']}", ""),
        ("machine", kind if kind in ("x86_64", "aarch64") else "any", ""),
        ("system", system if (system := machine["system"].partition(" ")[0]) in ("Linux", "Darwin") else "any", ""),
        ("form", machine["chassis"] if machine["chassis"] in FORMS else "any", ""),
        ("instructions", machine["instruction_sets"], "all must be there: drop what is not needed"),
        ("int8_dot_product", apple or bool(DOT_PRODUCTS & set(machine["instruction_sets"])), ""),
        ("provider", provider, ""),
        ("precisions", ["fp32", "int8"] if provider.startswith("CPU") else ["fp32", "fp16"], ""),
        ("threads", machine["cores_allowed"], f"{machine['cores']} cores{limit}"),
        ("memory_mb", min(sizes) // (1 << 20) if sizes else None, ""),
        ("oldest_onnxruntime", _minor(onnxruntime), f"{onnxruntime} is here"),
        ("batches", [1, 8], ""),
        ("lengths", [16, 64, 128], ""),
    ]
    return "".join(_line(*row) for row in rows if row[1] is not None)


def _line(name: str, value: Any, comment: str) -> str:
    text = f"[{', '.join(str(item) for item in value)}]" if isinstance(value, list) else json.dumps(value, ensure_ascii=False)
    text = text.strip('"') if isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", value) else text
    return f"{name}: {text}{f'    # {comment}' if comment else ''}\n"


def _minor(version: str | None) -> str | None:
    return ".".join(version.split(".")[:2]) if version else None
