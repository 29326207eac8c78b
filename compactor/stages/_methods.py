"""The methods of `quantize`: what kernels each needs, since when onnxruntime has them, and which settings each looks at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compactor.base.errors import Problem

if TYPE_CHECKING:
    from compactor.stages.quantize import Quantize
    from compactor.targets import Target

ANY = frozenset({"method", "keep", "repair", "max_drop"})
INT8 = ANY | {"per_channel", "embeddings", "table_bits", "reduce_range"}
ROUNDING = ("algorithm", "bits", "block", "accuracy_level")
TABLE_BLOCKS_SINCE = (1, 23)  # the first onnxruntime with kernels for tables in blocks as they are written here
# The first one that multiplies by weights of so many bits: with activations in 8 bits, and in float (`accuracy_level: 0`).
BITS_SINCE: Mapping[int, tuple[tuple[int, int], tuple[int, int]]] = {
    2: ((1, 24), (1, 24)),
    4: ((1, 17), (1, 17)),
    8: ((1, 22), (1, 23)),
}
MEASURING = ("rows", "method", "percentile", "bias_correction", "smoothing")


@dataclass(frozen=True)
class Method:
    """One method.

    Attributes:
        precision: that the target must have.
        uses: the settings that change what it does, with a point for those inside another.
        since: the first onnxruntime with its kernels.
    """

    precision: str
    uses: frozenset[str]
    since: tuple[int, int] = (0, 0)


METHODS: Mapping[str, Method] = {
    "dynamic-int8": Method("int8", INT8),
    "static-int8": Method("int8", INT8 | {f"calibration.{name}" for name in MEASURING}),
    "int4": Method("int4", ANY | {"embeddings"} | {f"weights.{name}" for name in ROUNDING}, (1, 17)),
    "nf4": Method("int4", ANY | {"embeddings", "weights.block"}, (1, 17)),
    "fp4": Method("int4", ANY | {"embeddings", "weights.block"}, (1, 17)),
    "fp16": Method("fp16", ANY | {"calibration.rows"}),
    "bf16": Method("bf16", ANY),
}


# Settings that only some forms of a method look at.
USERS = {
    "calibration.percentile": "calibration: {method: percentile} of static-int8",
    "max_drop": "keep: auto or repair: true",
    "table_bits": "embeddings: true of dynamic-int8 or static-int8; int4, nf4 and fp4 have tables in 4 bits by themselves",
    "weights.block": "int4, nf4, fp4, or table_bits: 4 of an int8 method",
    "calibration.rows": "static-int8, fp16, or weights: {algorithm: gptq or awq} of int4",
}


def precisions(target: Target) -> set[str]:
    """Return the precisions of a target; onnxruntime's CPU provider multiplies by weights in blocks of few bits on every processor."""
    return {*target.precisions, *(["int4"] if target.provider == "CPUExecutionProvider" else [])}


def kernel_problems(name: str, target: Target) -> Iterator[tuple[tuple[str, ...], Problem]]:
    """Yield Q110 when the target's provider has no kernels for a method, Q121 when its oldest runtime has none yet."""
    method, able = METHODS[name], precisions(target)
    if method.precision not in able:
        others = [other for other, each in METHODS.items() if each.precision in able]
        hint = f"use method: {others[0]}" if others else "leave quantize out"
        sentence = f"{target.name} ({target.provider}) has no {method.precision} kernels, so {name} would not run faster"
        yield ("method",), Problem("Q110", sentence, f"{hint}, or choose another target")
    if oldest_runtime(target) < method.since:
        yield ("method",), _too_old(name, method.since, target, "dynamic-int8")


def table_problems(stage: Quantize, target: Target) -> Iterator[tuple[tuple[str, ...], Problem]]:
    """Yield Q121 when the target's oldest runtime cannot look up tables in 4 bits, which an int8 method was asked for."""
    if stage.table_bits == 4 and "table_bits" in METHODS[stage.method].uses and oldest_runtime(target) < TABLE_BLOCKS_SINCE:
        yield ("table_bits",), _too_old("table_bits: 4", TABLE_BLOCKS_SINCE, target, "table_bits: 8")


def bits_problems(stage: Quantize, target: Target) -> Iterator[tuple[tuple[str, ...], Problem]]:
    """Yield Q121 when the target's oldest runtime multiplies by weights of 4 bits, and not of as many as int4 was asked for."""
    exact = stage.weights.accuracy_level == 0
    since, oldest = BITS_SINCE[stage.weights.bits][exact], oldest_runtime(target)
    if stage.method == "int4" and METHODS["int4"].since <= oldest < since:
        level = ", accuracy_level: 0" if exact else ""
        name = f"weights: {{bits: {stage.weights.bits}{level}}}"
        yield ("weights", "bits"), _too_old(name, since, target, "bits: 4")


def oldest_runtime(target: Target) -> tuple[int, ...]:
    """Return the first two numbers of the oldest onnxruntime that a target may have."""
    return tuple(int(part) for part in target.oldest_onnxruntime.split(".")[:2])


def _too_old(name: str, since: tuple[int, int], target: Target, instead: str) -> Problem:
    sentence = f"{name} needs onnxruntime {since[0]}.{since[1]}, and {target.name} may have {target.oldest_onnxruntime}"
    enough = max(since, TABLE_BLOCKS_SINCE)
    hint = (
        f"if all your devices have a newer one, put `same_as: {target.name}`, a name, a title and oldest_onnxruntime: "
        f'"{enough[0]}.{enough[1]}" (tables in 4 bits too) into a YAML file, and its path into target; or use {instead}'
    )
    return Problem("Q121", sentence, hint)


def unused_problems(stage: Quantize) -> Iterator[tuple[tuple[str, ...], Problem]]:
    """Yield Q123 for each setting that the method would ignore; a ladder of repair may come to all of them."""
    if stage.repair:
        return
    uses = METHODS[stage.method].uses
    if stage.keep != "auto":
        uses -= {"max_drop"}
    if not stage.embeddings:
        uses -= {"table_bits"}
    if stage.method == "int4" and stage.weights.algorithm != "rtn":
        uses |= {"calibration.rows"}
    if stage.table_bits == 4 and stage.embeddings:
        uses |= {"weights.block"}
    if stage.calibration.method != "percentile":
        uses -= {"calibration.percentile"}
    for path in _given(stage.key()):
        name = ".".join(path)
        if name in uses:
            continue
        users = USERS.get(name) or " or ".join(other for other, each in METHODS.items() if name in each.uses)
        yield path, Problem("Q123", f"{name} is nothing that {stage.method} looks at", f"use it with {users}, or leave it out")


def _given(key: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of the settings that are not at their default."""
    for name, value in key.items():
        if isinstance(value, dict):
            yield from _given(value, (*path, name))
        else:
            yield (*path, name)
