"""What a person is told of a measurement."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from compactor.base.reporter import PassingReporter, Reporter
from compactor.measuring.findings import memory_finding
from compactor.measuring.latency import Subject, measure
from compactor.targets import load_target

MB = 1 << 20


@pytest.mark.parametrize(
    ("peaks", "memory_mb", "named"),
    [
        ({"a": 65 * MB, "b": 64 * MB, "c": 80 * MB}, 64, "a, c took up to 80 MB of memory, and board has 64 MB"),
        ({"a": 64 * MB}, 64, None),
        ({"a": None}, 64, None),
        ({"a": 65 * MB}, None, None),
    ],
)
def test_a_model_that_takes_more_memory_than_the_target_has(
    peaks: dict[str, int | None], memory_mb: int | None, named: str | None
) -> None:
    found = memory_finding(peaks, "board", memory_mb)
    assert (None if found is None else found.sentence) == named


def test_a_measurement_tells_it(make_model: Callable[..., Path], tmp_path: Path) -> None:
    told = PassingReporter(Reporter())
    target = load_target("host").model_copy(update={"memory_mb": 16, "lengths": (8,), "batches": (1,)})
    subjects = [Subject("m", make_model("m", 1))]
    found = measure(subjects, target, folder_for_raw=tmp_path / "raw", reporter=told, quick=True, seconds=0.5)["m"]
    if found.peak_memory_bytes is None:
        pytest.skip("this system does not tell the memory of a process")
    assert "M123" in [finding.code for finding in told.findings]
