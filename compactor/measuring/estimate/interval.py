"""From the work of a graph to an interval of milliseconds: by constants measured on the device, else by what is published of its kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.measuring.cells import Cell
from compactor.measuring.estimate.work import Work, graph_work

if TYPE_CHECKING:
    from compactor.measuring.evidence import ThisMachine
    from compactor.targets import Target
    from compactor.targets.speed import Calibration, Speed

CPU = "CPUExecutionProvider"
# From the prediction to the ends of the interval: see "Estimates" in benchmarks/README.md. Encoders take longer than their parts
# promise, since the small models find their weights in the caches; so the interval reaches further up.
SHORTER, LONGER = 0.8, 2.0


@dataclass(frozen=True)
class Estimate:
    """A computed time.

    Attributes:
        interval: milliseconds of one run, shortest and longest; None when nothing can be said.
        calibrated: whether the constants were measured on the device.
        basis: where the constants come from, or why there is no interval.
        batch, length: of the inputs.
    """

    interval: tuple[float, float] | None
    calibrated: bool
    basis: str
    batch: int
    length: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        ends = None if self.interval is None else [round(end, 4) for end in self.interval]
        return {
            "batch": self.batch,
            "length": self.length,
            "interval": ends,
            "calibrated": self.calibrated,
            "basis": self.basis,
        }


def estimate(
    model: Path,
    target: Target | ThisMachine,
    batch: int = 1,
    length: int | None = None,
    *,
    table_rows: dict[str, int] | None = None,
) -> Estimate:
    """Compute how long one run of a graph takes on a target.

    Args:
        model: the ONNX file.
        target: with a `calibration` of the device, or a `speed` published for its kind; of neither, nothing is said.
        batch: rows of the inputs.
        length: tokens of each row; None for a graph without lengths.
        table_rows: see `graph_work`.

    Raises:
        StageError: the graph's work cannot be counted, see `graph_work`.
    """
    unknown = why_not(target)
    if unknown:
        return Estimate(None, False, unknown, batch, length)
    work = graph_work(model, Cell(batch, length), table_rows=table_rows)
    calibration = usable_calibration(target)
    if calibration is not None:
        middle = predicted_ms(work, calibration.seconds)
        basis = f"calibrated on {calibration.machine}, {calibration.threads} thread{'s' if calibration.threads > 1 else ''}"
        basis += "" if calibration.evidence == "measured" else ", a proxy for the target"
        return Estimate((SHORTER * middle, LONGER * middle), True, basis, batch, length)
    speed = getattr(target, "speed", None)
    assert speed is not None
    return Estimate(published_ms(work, speed, target.threads), False, "published ranges of such chips", batch, length)


def why_not(target: Target | ThisMachine) -> str:
    """Return why a target's times cannot be estimated; an empty text when they can."""
    if target.provider != CPU:
        return f"times of {target.provider} are not estimated: starting and copying, not products, decide them for small models"
    if usable_calibration(target) is None and getattr(target, "speed", None) is None:
        return f"no calibration of {target.name}, and no published range: compactor targets calibrate {target.name}"
    return ""


def usable_calibration(target: Target | ThisMachine) -> Calibration | None:
    """Return the target's calibration when it was taken with the provider and the threads that the target has now."""
    calibration: Calibration | None = getattr(target, "calibration", None)
    if calibration is None or (calibration.provider, calibration.threads) != (target.provider, target.threads):
        return None
    return calibration


def predicted_ms(work: Work, seconds: dict[str, float]) -> float:
    """Return the sum over the units of work of their number times the seconds that one takes, in milliseconds."""
    return 1e3 * float(sum(getattr(work, unit) * each for unit, each in seconds.items()))


def published_ms(work: Work, speed: Speed, threads: int) -> tuple[float, float]:
    """Return the shortest and longest time that published ranges allow, in milliseconds.

    Shortest: products alone, at the highest rate, everything in caches. Longest: products at the lowest rate, then all bytes from
    memory, one after the other. Fewer threads than the ranges are of share the rate evenly; more threads raise only the highest.
    """
    share = threads / speed.threads
    (slow32, fast32), (slow8, fast8) = speed.fp32_gmac_per_s, speed.int8_gmac_per_s
    floats = work.fp32_products + work.inner_products
    shortest = (floats / fast32 + work.int8_products / fast8) / 1e9 / share
    slowest = (floats / slow32 + work.int8_products / slow8) / 1e9 / min(1.0, share)
    longest = (
        slowest
        + (work.weight_bytes + work.moved_bytes + work.strided_bytes) / speed.gb_per_s / 1e9
        + work.nodes * speed.node_us / 1e6
    )
    return shortest * 1e3, longest * 1e3
