"""How the settings of `quantize` become a call of a quantizer, and how its answers are compared with the float model's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.errors import StageError
from compactor.stages._methods import METHODS, TABLE_BLOCKS_SINCE, oldest_runtime

if TYPE_CHECKING:
    import numpy as np

    from compactor.stages._contract import Work
    from compactor.stages.quantize import Quantize

COMPARED_ROWS = 256


def quantized(settings: Quantize, source: Path, folder: Path, work: Work, keep: Sequence[str]) -> dict[str, Any]:
    """Fill a folder by one method, nodes in `keep` left in float; return its facts, `method` first."""
    make = {"int8": _int8, "int4": _few_bits}.get(METHODS[settings.method].precision, _halves)
    return {"method": settings.method, **make(settings, source, folder, work, keep)}


def _int8(settings: Quantize, source: Path, folder: Path, work: Work, keep: Sequence[str]) -> dict[str, Any]:
    from compactor.quantization import quantize_dynamic_int8, quantize_static_int8

    reduce_range, calibration = settings.seven_bits(work.target), settings.calibration
    told = {"reduce_range": reduce_range}
    int8: dict[str, Any] = {"per_channel": settings.per_channel, "embeddings": settings.embeddings, "keep": keep, **told}
    int8["table_block"] = settings.weights.block if settings.table_bits == 4 else None
    if settings.method == "dynamic-int8":
        return {**quantize_dynamic_int8(source, folder, **int8), **told}
    measuring = {name: getattr(calibration, name) for name in ("method", "percentile", "bias_correction", "smoothing")}
    rows = calibration_rows(settings, source, work)
    return {**quantize_static_int8(source, folder, rows, **measuring, **int8), **told}


def _few_bits(settings: Quantize, source: Path, folder: Path, work: Work, keep: Sequence[str]) -> dict[str, Any]:
    from compactor.quantization import quantize_four_bit_floats, quantize_weights

    weights = settings.weights
    given: dict[str, Any] = {"block": weights.block, "embeddings": settings.embeddings, "keep": keep}
    given["block_tables"] = oldest_runtime(work.target) >= TABLE_BLOCKS_SINCE
    if settings.method != "int4":
        return quantize_four_bit_floats(source, folder, kind="nf4" if settings.method == "nf4" else "fp4", **given)
    rows = calibration_rows(settings, source, work) if weights.algorithm != "rtn" else iter(())
    rounding: dict[str, Any] = {name: getattr(weights, name) for name in ("algorithm", "bits", "accuracy_level")}
    return quantize_weights(source, folder, rows, **rounding, **given)


def _halves(settings: Quantize, source: Path, folder: Path, work: Work, keep: Sequence[str]) -> dict[str, Any]:
    from compactor.quantization import convert_bf16, convert_fp16

    if settings.method == "bf16":
        return convert_bf16(source, folder, keep=keep)
    return convert_fp16(source, folder, calibration_rows(settings, source, work), keep=keep)


def calibration_rows(settings: Quantize, source: Path, work: Work) -> Iterator[dict[str, np.ndarray]]:
    """Yield training rows of all lengths, each alone and unpadded."""
    import numpy as np

    from compactor.checks.answers import spread
    from compactor.stages._inputs import encoded

    rows = encoded(work, source, "train")
    with work.reporter.bar("calibrating", min(settings.calibration.rows, len(rows)), "rows") as bar:
        for row in spread(rows, settings.calibration.rows):
            yield rows.batch(np.array([row]))
            bar.advance()


def compare(source: Path, work: Work) -> None:
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
    # Answers of float16 are the same on the processor; of bfloat16 it has none.
    provider = work.target.provider if work.facts["quantize"]["method"] == "bf16" else "CPUExecutionProvider"
    answer = onnx_answer(work.folder / "model.onnx", threads=work.threads, provider=provider)
    reference = answer_one_by_one(onnx_answer(source / "model.onnx", threads=work.threads), rows, chosen)
    candidate = answer_one_by_one(answer, rows, chosen)
    for finding in finite(candidate, place="model.onnx"):
        raise StageError(finding.code, f"the quantized model: {finding.sentence}", finding.hint)
    found, moved = agreement(reference, candidate, work.task.same), padding_agreement(answer, rows, work.task.same)
    work.facts["agreement_with_fp32"], work.facts["padding"] = found.as_dict(), moved.as_dict()
    before, after = ((folder / "model.onnx").stat().st_size for folder in (source, work.folder))
    work.facts["size_bytes"] = {"before": before, "after": after}
    for findings in (
        faithful(found, place="model.onnx"),
        padding(moved, place="model.onnx"),
        smaller(before, after, place="model.onnx", model=work.folder / "model.onnx"),
    ):
        for finding in findings:
            work.reporter.finding(finding)


def tell_weights(settings: Quantize, work: Work) -> None:
    """Report what the graph's weights are like after quantization, and what the target makes of them."""
    import onnx

    from compactor.checks.gain import gain
    from compactor.checks.weights import (
        beyond_half,
        duplicates,
        few_bits,
        float_convolutions,
        float_tables,
        saturation,
        tables_in_bytes,
    )

    place, precision = "model.onnx", METHODS[work.facts["quantize"]["method"]].precision
    model = onnx.load(str(work.folder / place))
    found = [*duplicates(model, place=place)]
    if precision in {"fp16", "bf16"}:
        found += beyond_half(work.facts["quantize"].get("overflowing_nodes", {}), place=place)
    else:
        found += [*float_tables(model, place=place), *float_convolutions(model, place=place)]
    short = settings.table_bits == 4 or precision == "int4"
    if short and oldest_runtime(work.target) >= TABLE_BLOCKS_SINCE:
        found += tables_in_bytes(model, settings.weights.block, place=place)
    if precision == "int8":
        found += gain(work.target, place=place)
        found += saturation(work.target, reduce_range=work.facts["quantize"]["reduce_range"], place=place)
    if precision == "int4":
        found += few_bits(work.target, place=place)
    for finding in found:
        work.reporter.finding(finding)
