"""Fewer bits a weight, with the effect on answers told; a step that changes nothing is an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from compactor.base.artifact import Artifact
from compactor.base.errors import Problem
from compactor.base.settings import Settings, setting
from compactor.stages._contract import Stage, Work
from compactor.stages._methods import bits_problems, kernel_problems, table_problems, unused_problems
from compactor.stages._quantizing import compare, quantized, tell_weights

if TYPE_CHECKING:
    from compactor.targets import Target
    from compactor.tasks import Task


class Calibration(Settings):
    """Rows on which static quantization, gptq, awq and fp16 measure activations."""

    rows: int = setting(128, "training rows, of all lengths", ge=1)
    method: Literal["minmax", "average", "percentile", "entropy"] = setting(
        "minmax",
        "range of a tensor: minmax, the extremes of all rows; average, the mean of each row's (onnxruntime's moving average); percentile, "
        "what holds that share of all values; entropy, what loses least by Kullback-Leibler",
    )
    percentile: float = setting(99.999, "of `percentile`: share of the values inside the range, in %", gt=50, le=100)
    bias_correction: bool = setting(False, "take what quantization shifts each product by, on average, off its bias")
    smoothing: float | None = setting(
        None,
        "static-int8 of a pre-norm model: SmoothQuant's alpha, how much of the activations' outliers goes into the weights, such as 0.5",
        ge=0,
        le=1,
    )


class Weights(Settings):
    """Weights in blocks of few bits; `gptq` and `awq` measure on the rows of `calibration`."""

    algorithm: Literal["rtn", "gptq", "awq"] = setting(
        "rtn",
        "rtn: each weight to the nearest value; gptq: later weights make up for the error of earlier ones; awq: inputs scaled so that "
        "weights of large activations are rounded finer",
    )
    bits: Literal[2, 4, 8] = setting(
        4, "of a weight; lookup tables have at least 4. 8 needs onnxruntime 1.22 (1.23 with accuracy_level: 0), 2 needs 1.24"
    )
    block: Literal[16, 32, 64, 128, 256] = setting(32, "weights that share a scale; a smaller block is nearer and larger")
    accuracy_level: Literal[0, 4] = setting(4, "onnxruntime's MatMulNBits: 4 multiplies with activations in 8 bits, 0 in float")


class Quantize(Stage):
    """Quantize the fp32 graph, which must not be fused."""

    takes: ClassVar[frozenset[str]] = frozenset({"onnx"})
    gives: ClassVar[str] = "onnx"
    version: ClassVar[int] = 5
    uses_target: ClassVar[bool] = True

    method: Literal["dynamic-int8", "static-int8", "int4", "nf4", "fp4", "fp16", "bf16"] = setting(
        "dynamic-int8",
        "dynamic-int8: activations quantized for each answer; static-int8: with ranges measured beforehand, no answer depends on its "
        "batch; int4: weights alone in few bits, for size and not for speed (`weights`); nf4, fp4: bitsandbytes' 4-bit codes, for size; "
        "fp16: for GPUs, what would overflow left in fp32; bf16: for GPUs",
    )
    per_channel: bool = setting(True, "int8: one scale a column of a matrix, which halves the error")
    embeddings: bool = setting(True, "8 and 4 bits: quantize the lookup tables too")
    table_bits: Literal[4, 8] = setting(
        8,
        "int8 methods: bits of the lookup tables; 4, in blocks of `weights.block`, halves what is most of a small model, and needs "
        "onnxruntime 1.23",
    )
    keep: tuple[str, ...] | Literal["auto"] = setting(
        (),
        "patterns of node names to leave in float, such as '*classifier*'; auto: those whose quantization costs most for their size, as "
        "few as `max_drop` needs",
    )
    repair: bool = setting(
        False,
        "when the drop is above `max_drop`, try a scale for each column, sensitive nodes in float, static ranges and half precision, as "
        "far as the target has kernels, and leave the best",
    )
    max_drop: float = setting(
        0.005,
        "of `keep: auto` and `repair`: how far the task's figure on validation rows may fall below the fp32 graph's",
        ge=0,
    )
    calibration: Calibration = setting(Calibration, "static-int8, gptq, awq, fp16: how activations are measured")
    weights: Weights = setting(Weights, "int4, nf4, fp4: how weights are rounded")
    reduce_range: bool | None = setting(None, "int8: 7-bit weights; by default where the target has no 8-bit dot products")

    def problems(self, *, task: Task, target: Target) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
        """Yield what is wrong with these settings."""
        yield from kernel_problems(self.method, target)
        yield from bits_problems(self, target)
        yield from table_problems(self, target)
        yield from unused_problems(self)
        name = "repair" if self.repair else "keep"
        searches = self.keep == "auto" or self.repair
        if searches and task is not None and task.label_kind == "vector":
            sentence = f"{name} measures the drop against labels, and the rows of {task.name} need not have any"
            yield (name,), Problem("Q115", sentence, "name patterns in keep")
        if searches and self.method in {"fp16", "bf16"}:
            sentence = f"{name} has nothing to search for with {self.method}, the last step of the ladder"
            yield (name,), Problem("Q115", sentence, "use it with an int8 method, or name patterns in keep")

    def seven_bits(self, target: Target) -> bool:
        """Whether int8 weights have 7 bits: as set, else where the target has no 8-bit dot products."""
        return not target.int8_dot_product if self.reduce_range is None else self.reduce_range

    def run(self, source: Artifact | None, work: Work) -> None:
        """Fill `work.folder` with a quantized ONNX folder."""
        assert source is not None
        work.facts["quantize"] = self._quantized(source.folder, work)
        compare(source.folder, work)
        tell_weights(self, work)

    def _quantized(self, source: Path, work: Work) -> dict[str, Any]:
        from compactor.stages import _repair

        keep = () if self.keep == "auto" else self.keep
        if not self.repair and self.keep != "auto":
            return quantized(self, source, work.folder, work, keep)
        bench = _repair.Bench(self, source, work)
        if self.repair:
            best, tries = _repair.repaired(bench, keep)
            _repair.tell_tries(work, best, tries, self.max_drop)
        else:
            best = _repair.kept_by_need(bench, self, keep)
            tries = []
            _repair.tell_missed(work, best, self.max_drop)
        _repair.settle(best, work)
        rows = {"tries": [each.row() for each in tries]} if tries else {}
        return {**best.facts, "drop_on_validation": round(best.drop, 6), **rows}
