"""Attention and its neighbours as single nodes of onnxruntime's own, if that is faster on the target: measured, not assumed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from compactor.base.artifact import Artifact
from compactor.base.errors import StageError
from compactor.base.settings import setting
from compactor.stages._contract import Stage, Work

if TYPE_CHECKING:
    from compactor.checks.answers import EncodedRows

PLACE = "model.onnx"
SECONDS = 8.0
HALF = 2e-2  # of the largest logit: sums in half precision are taken in another order


class Fuse(Stage):
    """Fuse a graph for the target's provider and keep whichever of the two graphs is faster there."""

    takes: ClassVar[frozenset[str]] = frozenset({"onnx"})
    gives: ClassVar[str] = "onnx"
    version: ClassVar[int] = 2
    uses_target: ClassVar[bool] = True

    choose: Literal["measured", "always"] = setting(
        "measured",
        "measured: the fused graph is kept only if it is certainly faster on the target's provider; always: it is kept",
    )

    def run(self, source: Artifact | None, work: Work) -> None:
        """Fill `work.folder` with the chosen graph."""
        from compactor.base.atomic import read_json
        from compactor.checks.fusion import nothing_fused
        from compactor.exporting.fusion import fuse
        from compactor.stages._inputs import encoded

        assert source is not None
        facts: dict[str, Any] = fuse(source.folder, work.folder, provider=work.target.provider)
        rows = encoded(work, source.folder, "validation")
        precision = read_json(source.folder / "interface.json")["precision"]
        facts["largest_difference"] = _prove(source.folder, work, rows, precision)
        for finding in nothing_fused(facts["attention"], facts["fused"], place=PLACE):
            work.reporter.finding(finding)
        facts["kept"] = "fused"
        if self.choose == "measured" and not _faster(source.folder, work, rows, facts):
            (work.folder / PLACE).write_bytes((source.folder / PLACE).read_bytes())
            facts["kept"] = "plain"
        work.facts["fuse"] = facts


def _prove(source: Path, work: Work, rows: EncodedRows, precision: str) -> float:
    """Return how far the two graphs' answers differ on validation rows, as a share of the largest; end the stage if that is too far."""
    from compactor.checks.agreement import agreement
    from compactor.checks.answers import answer_one_by_one, onnx_answer, spread
    from compactor.checks.parity import TOLERANCE, parity

    chosen = spread(rows, 64)
    before, after = (
        answer_one_by_one(onnx_answer(folder / PLACE, threads=work.threads), rows, chosen) for folder in (source, work.folder)
    )
    found = agreement(before, after, work.task.same)
    for finding in parity(found, tolerance=TOLERANCE if precision == "fp32" else HALF, place=PLACE):
        raise StageError("X144", f"fused, {finding.sentence}", "leave the fuse stage out")
    return found.scaled_difference


def _faster(source: Path, work: Work, rows: EncodedRows, facts: dict[str, Any]) -> bool:
    """Time both graphs in turns on the target's provider; keep the ratio in `facts` and tell why the plain graph stays."""
    import tempfile

    import onnxruntime

    from compactor.base.environment import machine
    from compactor.checks.fusion import fusing_slows, fusing_unmeasured
    from compactor.measuring.evidence import local_evidence

    provider = work.target.provider
    reason = local_evidence(work.target, machine())
    if provider not in onnxruntime.get_available_providers():
        found = [*fusing_unmeasured(f"onnxruntime here has no {provider}", place=PLACE)]
    elif reason.kind is None:
        found = [*fusing_unmeasured(reason.reason, place=PLACE)]
    else:
        with tempfile.TemporaryDirectory(prefix="compactor-fuse-") as scratch:
            times, interval = _ratio(source, work, rows, Path(scratch))
        facts["times_as_long"], facts["ci95"] = round(times, 4), [round(end, 4) for end in interval]
        found = [*fusing_slows(times, interval, place=PLACE)]
    for finding in found:
        work.reporter.finding(finding)
    return not found


def _ratio(source: Path, work: Work, rows: Any, scratch: Path) -> tuple[float, tuple[float, float]]:
    """Return how many times longer the fused graph takes on validation rows, with the interval."""
    from compactor.base.atomic import read_json
    from compactor.measuring.feeds import choose_rows, real_feeds
    from compactor.measuring.latency import Subject, measure, ratio

    interface = read_json(source / "interface.json")
    feeds = real_feeds(rows, choose_rows(rows.lengths, seed=work.seed), interface)
    subjects = [Subject(name, folder / PLACE, interface) for name, folder in (("plain", source), ("fused", work.folder))]
    measured = measure(
        subjects,
        work.target,
        folder_for_raw=scratch / "raw",
        reporter=work.reporter,
        samples={subject.id: feeds for subject in subjects},
        quick=True,
        seconds=SECONDS,
        seed=work.seed,
        scenario="changing-lengths",
    )
    raws = [scratch / (measured[name].latency_ms or [{}])[0]["raw"] for name in ("fused", "plain")]
    return ratio(*raws)
