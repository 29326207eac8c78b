"""Fewer bits a weight, with the effect on answers told; a step that changes nothing is an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from compactor.base.artifact import Artifact
from compactor.base.errors import Problem, StageError
from compactor.base.settings import Settings, setting
from compactor.stages._contract import Stage, Work

if TYPE_CHECKING:
    import numpy as np

    from compactor.targets import Target
    from compactor.tasks import Task

PRECISION = {"dynamic-int8": "int8", "static-int8": "int8", "fp16": "fp16"}
COMPARED_ROWS = 256


class Calibration(Settings):
    """Rows on which static quantization measures its activations."""

    rows: int = setting(128, "training rows, of all lengths", ge=1)
    method: Literal["minmax", "average", "percentile", "entropy"] = setting(
        "minmax",
        "range of a tensor: minmax, the extremes of all rows; average, the mean of each row's; percentile, what holds that share of "
        "all values; entropy, what loses least by Kullback-Leibler",
    )
    percentile: float = setting(99.999, "of `percentile`: share of the values inside the range, in %", gt=50, le=100)
    bias_correction: bool = setting(False, "take what quantization shifts each product by, on average, off its bias")


class Quantize(Stage):
    """Quantize the fp32 graph, which must not be fused."""

    takes: ClassVar[frozenset[str]] = frozenset({"onnx"})
    gives: ClassVar[str] = "onnx"
    uses_target: ClassVar[bool] = True

    method: Literal["dynamic-int8", "static-int8", "fp16"] = setting(
        "dynamic-int8",
        "dynamic-int8: activations quantized for each answer; static-int8: with ranges measured beforehand, no answer depends on its "
        "batch; fp16: for GPUs",
    )
    per_channel: bool = setting(True, "int8: one scale a column of a matrix, which halves the error")
    embeddings: bool = setting(True, "int8: quantize the lookup tables too")
    keep: tuple[str, ...] = setting((), "patterns of node names to leave in float, such as '*classifier*'")
    calibration: Calibration = setting(Calibration(), "static-int8: how activations are measured")
    reduce_range: bool | None = setting(None, "int8: 7-bit weights; by default where the target has no 8-bit dot products")

    def problems(self, *, task: Task, target: Target) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
        """Yield what is wrong with these settings."""
        del task
        if PRECISION[self.method] not in target.precisions:
            others = [method for method, precision in PRECISION.items() if precision in target.precisions]
            hint = f"use method: {others[0]}" if others else "leave quantize out"
            sentence = f"{target.name} ({target.provider}) has no {PRECISION[self.method]} kernels, so {self.method} would not run faster"
            yield ("method",), Problem("Q110", sentence, f"{hint}, or choose another target")

    def run(self, source: Artifact | None, work: Work) -> None:
        """Fill `work.folder` with a quantized ONNX folder."""
        assert source is not None
        work.facts["quantize"] = {"method": self.method, **self._quantize(source.folder, work)}
        _compare(source.folder, work)
        if PRECISION[self.method] == "int8":
            from compactor.checks.gain import gain

            for finding in gain(work.target, place="model.onnx"):
                work.reporter.finding(finding)

    def _quantize(self, source: Path, work: Work) -> dict[str, Any]:
        from compactor.quantization import convert_fp16, quantize_dynamic_int8, quantize_static_int8

        if self.method == "fp16":
            return convert_fp16(source, work.folder, keep=self.keep)
        reduce_range = not work.target.int8_dot_product if self.reduce_range is None else self.reduce_range
        int8 = {
            "reduce_range": reduce_range,
            "per_channel": self.per_channel,
            "embeddings": self.embeddings,
            "keep": self.keep,
        }
        if self.method == "dynamic-int8":
            return {**quantize_dynamic_int8(source, work.folder, **int8), "reduce_range": reduce_range}  # type: ignore[arg-type]
        facts = quantize_static_int8(source, work.folder, self._rows(source, work), **self._measuring(), **int8)  # type: ignore[arg-type]
        return {**facts, "reduce_range": reduce_range}

    def _measuring(self) -> dict[str, Any]:
        """Return how static quantization measures, as keyword arguments."""
        names = ("method", "percentile", "bias_correction")
        return {name: getattr(self.calibration, name) for name in names}

    def _rows(self, source: Path, work: Work) -> Iterator[dict[str, np.ndarray]]:
        """Yield training rows of all lengths, each alone and unpadded."""
        import numpy as np

        from compactor.checks.answers import spread
        from compactor.stages._inputs import encoded

        rows = encoded(work, source, "train")
        with work.reporter.bar("calibrating", min(self.calibration.rows, len(rows)), "rows") as bar:
            for row in spread(rows, self.calibration.rows):
                yield rows.batch(np.array([row]))
                bar.advance()


def _compare(source: Path, work: Work) -> None:
    """Compare the quantized graph with the fp32 one on validation rows, each alone; keep the figures, report what they mean."""
    from compactor.checks.agreement import agreement
    from compactor.checks.answers import answer_one_by_one, onnx_answer, spread
    from compactor.checks.faithful import faithful
    from compactor.checks.finite import finite
    from compactor.checks.padding import padding, padding_agreement
    from compactor.checks.smaller import smaller
    from compactor.stages._inputs import encoded

    rows = encoded(work, source, "validation")
    chosen = spread(rows, COMPARED_ROWS)
    quantized = onnx_answer(work.folder / "model.onnx", threads=work.threads)
    reference = answer_one_by_one(onnx_answer(source / "model.onnx", threads=work.threads), rows, chosen)
    candidate = answer_one_by_one(quantized, rows, chosen)
    for finding in finite(candidate, place="model.onnx"):
        raise StageError(finding.code, f"the quantized model: {finding.sentence}", finding.hint)
    found, moved = agreement(reference, candidate, work.task.same), padding_agreement(quantized, rows, work.task.same)
    work.facts["agreement_with_fp32"], work.facts["padding"] = found.as_dict(), moved.as_dict()
    before, after = ((folder / "model.onnx").stat().st_size for folder in (source, work.folder))
    work.facts["size_bytes"] = {"before": before, "after": after}
    for findings in (
        faithful(found, place="model.onnx"),
        padding(moved, place="model.onnx"),
        smaller(before, after, place="model.onnx"),
    ):
        for finding in findings:
            work.reporter.finding(finding)
