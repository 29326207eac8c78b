"""Each sign of a disturbed machine raises its flag, and hides no number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compactor.measuring.findings import governor_finding, noise_finding, quota_finding
from compactor.measuring.noise import combine_noise, judge_noise

MILLISECOND = 1_000_000


def bursts(count: int = 10, runs: int = 20, *, spread: float = 0.0, **changes: Any) -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    made = []
    for _ in range(count):
        times = (MILLISECOND * (1 + spread * random.standard_normal(runs))).astype(int).tolist()
        wall = sum(times)
        burst = {"nanoseconds": times, "feeds": [0] * runs, "wall_ns": wall, "cpu_ns": wall}
        made.append({**burst, "steal_ns": 0, "involuntary_switches": 0, "throttled": None, **changes})
    return made


def judge(given: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    known = {"pressure": 0.0, "threads": 1, "interval": (0.99, 1.01), "wanted_interval": 0.03}
    return judge_noise(given, **{**known, **changes})


def test_a_quiet_machine_is_called_quiet() -> None:
    noise = judge(bursts(spread=0.01))
    assert noise["verdict"] == "quiet"
    assert noise["flags"] == []
    assert noise["cpu_use"] == pytest.approx(1.0)
    assert noise_finding({"a": noise}) is None


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        (bursts(cpu_ns=10 * MILLISECOND), {}),
        (bursts(steal_ns=4 * MILLISECOND), {}),
        (bursts(involuntary_switches=3), {"threads": 2}),
        (bursts(involuntary_switches=3), {"on_cpu": False}),
    ],
    ids=["CPU use", "steal", "switches of two threads", "switches beside a GPU"],
)
def test_contention_is_seen(given: list[dict[str, Any]], changes: dict[str, Any]) -> None:
    noise = judge(given, **changes)
    assert noise["verdict"] == "contended"
    assert "contended" in noise["flags"]
    assert all(name in noise for name in ("cpu_use", "pressure", "steal", "involuntary_per_s", "spread", "drift"))


def test_a_hundredth_of_pressure_and_full_cpu_use_are_quiet() -> None:
    # As seen on an idle machine: a kernel thread ran now and then, and cost nothing that one could measure.
    given = bursts(spread=0.01, cpu_ns=round(20 * MILLISECOND * 0.99), involuntary_switches=1)
    noise = judge(given, pressure=0.01, others=0.05)
    assert noise["involuntary_per_s"] > 20
    assert noise["verdict"] == "quiet"


def test_other_work_on_the_machine_raises_the_verdict_though_our_process_ran() -> None:
    alone = judge(bursts(), others=0.02)
    beside = judge(bursts(), others=1.0)
    assert (alone["verdict"], beside["verdict"]) == ("quiet", "noisy")
    assert judge(bursts(), pressure=0.2)["flags"] == beside["flags"] == ["shared"]
    same_core = judge(bursts(cpu_ns=10 * MILLISECOND), others=1.0)
    assert same_core["verdict"] == "contended"


def test_a_quota_that_is_used_up_is_contention() -> None:
    noise = judge(bursts(quota_ns=5 * MILLISECOND))
    assert noise["verdict"] == "contended"
    assert "quota" in noise["flags"]
    assert judge(bursts(quota_ns=0))["verdict"] == "quiet"


def test_a_clock_far_below_its_highest_is_told() -> None:
    assert judge(bursts(clock_share=0.5))["flags"] == ["slow_clock"]
    noise = judge(bursts(clock_share=0.9))
    assert noise["flags"] == []
    finding = governor_finding({"m": judge(bursts(clock_share=0.5))}, "powersave")
    assert finding is not None
    assert "50%" in finding.sentence
    assert "powersave" in finding.sentence


def test_a_container_under_one_core_is_told() -> None:
    assert quota_finding({"cores_limit": None}, 1) is None
    assert quota_finding({"cores_limit": 1.0}, 1) is None
    finding = quota_finding({"cores_limit": 0.5}, 1)
    assert finding is not None
    assert "0.5 of a core" in finding.sentence
    assert quota_finding({"cores_limit": 1.5}, 2) is not None


def test_a_worker_without_counters_is_judged_by_its_times() -> None:
    given = [{"nanoseconds": [MILLISECOND] * 20, "feeds": [0] * 20, "wall_ns": 20 * MILLISECOND} for _ in range(10)]
    noise = judge(given, pressure=None)
    assert noise["verdict"] == "quiet"
    assert noise["cpu_use"] is None


def test_a_processor_that_lowered_its_clock_is_told() -> None:
    assert "throttled" in judge(bursts(throttled=1))["flags"]


def test_cpu_use_of_several_threads_is_not_judged() -> None:
    assert judge(bursts(cpu_ns=10 * MILLISECOND), threads=2)["verdict"] == "quiet"


def test_drift_is_seen() -> None:
    given = bursts()
    for burst in given[5:]:
        burst["nanoseconds"] = [round(each * 1.2) for each in burst["nanoseconds"]]
    noise = judge(given)
    assert "drift" in noise["flags"]
    assert noise["drift"] == pytest.approx(0.2, abs=0.01)


def test_spread_is_seen_but_not_that_of_other_lengths() -> None:
    assert judge(bursts(spread=0.2))["flags"] == ["noisy"]
    given = bursts()
    for burst in given:
        burst["feeds"] = list(range(20))
        burst["nanoseconds"] = [MILLISECOND * (1 + index) for index in range(20)]
    assert judge(given)["verdict"] == "quiet"


def test_a_wide_interval_is_told() -> None:
    assert judge(bursts(), interval=(0.8, 1.2))["flags"] == ["few_samples"]
    assert judge(bursts(), interval=(0.95, 1.05))["flags"] == ["few_samples"]  # 5 % to either side, where 3 % were asked for
    assert judge(bursts(), interval=(0.97, 1.03))["flags"] == []
    assert judge(bursts(), interval=None)["flags"] == ["few_samples"]


def test_counters_that_the_system_does_not_have_are_none_and_raise_nothing() -> None:
    noise = judge(bursts(steal_ns=None, involuntary_switches=None), pressure=None)
    assert noise["verdict"] == "quiet"
    assert noise["steal"] is None
    assert noise["pressure"] is None


def test_the_worst_cell_decides() -> None:
    noise = combine_noise({"data": judge(bursts()), "b8x16": judge(bursts(cpu_ns=10 * MILLISECOND), pressure=0.5)})
    assert noise["verdict"] == "contended"
    assert noise["cpu_use"] == pytest.approx(0.5)
    assert noise["pressure"] == 0.5
    assert noise["cells"]["data"]["verdict"] == "quiet"
    finding = noise_finding({"a": noise, "b": combine_noise({"data": judge(bursts())})})
    assert finding is not None
    assert "1 of 2" in finding.sentence
