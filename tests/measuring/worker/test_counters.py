"""What the worker reads of a machine, from files as Linux, a Raspberry Pi and a container write them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from compactor.measuring.worker import counters, energy
from compactor.measuring.worker.cores import idle_ticks, pick, siblings

Write = Callable[[str, str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def writer(path: str, text: str) -> str:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="ascii")
        return str(tmp_path)

    return writer


def test_a_machine_without_counters_gives_none(tmp_path: Path) -> None:
    root = str(tmp_path)
    found = counters.conditions(root)
    assert {name: value for name, value in found.items() if name != "involuntary_switches"} == {
        "steal_ns": None,
        "throttled": None,
        "quota_ns": None,
    }
    assert counters.throttled_now(root) is None
    assert counters.clock_share(root) is None
    assert counters.governor(root) is None
    assert counters.pressure_us(root) is None
    assert energy.package_microjoules(root) == {}
    assert energy.spent_millijoules({}, {}) is None


def test_what_a_hypervisor_or_heat_takes_of_our_own_cores_counts(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    tick = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    root = write("proc/stat", "cpu  9 9 9 9 9 9 9 36 0 0\n" + "".join(f"cpu{n} 1 1 1 1 1 1 1 {9 * n} 0 0\n" for n in range(4)))
    for core, counts in enumerate([(1, 0), (1, 5)]):
        for kind, count in zip(("package", "core"), counts, strict=True):
            write(f"sys/devices/system/cpu/cpu{core}/thermal_throttle/{kind}_throttle_count", f"{count}\n")
    for own, steal, throttled in ([1], 9, 6), ([2, 3], 22.5, None), ([0, 1, 2, 3], 13.5, 7):
        monkeypatch.setattr(counters, "own_cores", lambda own=own: own)
        assert counters.steal_ns(root) == steal * tick
        assert counters.throttle_events(root) == throttled
    monkeypatch.setattr(counters, "own_cores", lambda: [7])  # a container may count its cores anew
    assert counters.steal_ns(root) == 13.5 * tick


def test_processor_time_of_everybody(write: Write) -> None:
    root = write("proc/stat", "cpu  100 10 50 9000 5 1 2 30 0 0\ncpu0 1 2 3 40 5\ncpu1 1 2 3 60 5\n")
    tick = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    assert counters.busy_ns(root) == (100 + 10 + 50 + 1 + 2) * tick
    assert idle_ticks(root) == {0: 45, 1: 65}


@pytest.mark.parametrize(("text", "marks"), [("0x0", 0), ("50000", 0), ("0x50005", 2), ("throttled=0x4", 1), ("nothing", None)])
def test_a_raspberry_pi_tells_only_what_holds_now(write: Write, text: str, marks: int | None) -> None:
    root = write("sys/devices/platform/soc/soc:firmware/get_throttled", text + "\n")
    assert counters.throttled_now(root) == marks


def test_x86_throttling_is_counted(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "own_cores", lambda: [0])
    write("sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count", "3\n")
    root = write("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "2\n")
    assert counters.throttle_events(root) == 5
    before = counters.conditions(root)
    write("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "6\n")
    assert counters.changes(before, counters.conditions(root))["throttled"] == 4


def test_the_time_that_a_quota_took(write: Write) -> None:
    write("proc/self/cgroup", "0::/box/inner\n")
    write("sys/fs/cgroup/box/inner/cpu.max", "max 100000\n")
    write("sys/fs/cgroup/box/cpu.max", "50000 100000\n")
    root = write("sys/fs/cgroup/box/cpu.stat", "usage_usec 9\nnr_throttled 4\nthrottled_usec 1234\n")
    assert counters.quota_ns(root) == 1_234_000


def test_the_time_that_an_older_quota_took(write: Write) -> None:
    write("proc/self/cgroup", "4:memory:/a\n2:cpu,cpuacct:/a\n")
    write("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "50000\n")
    root = write("sys/fs/cgroup/cpu,cpuacct/a/cpu.stat", "nr_periods 5\nthrottled_time 77\n")
    assert counters.quota_ns(root) == 77
    write("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n")
    assert counters.quota_ns(root) is None


def test_the_clock_over_its_highest(write: Write) -> None:
    core = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    folder = f"sys/devices/system/cpu/cpu{core}/cpufreq"
    write(f"{folder}/scaling_cur_freq", "1200000\n")
    root = write(f"{folder}/cpuinfo_max_freq", "2400000\n")
    assert counters.clock_share(root) == 0.5


def test_energy_of_packages_and_the_counters_wrap(write: Write) -> None:
    for zone, name in (("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "core"), ("intel-rapl:1", "psys")):
        write(f"sys/class/powercap/{zone}/name", name + "\n")
        write(f"sys/class/powercap/{zone}/energy_uj", "900\n")
        root = write(f"sys/class/powercap/{zone}/max_energy_range_uj", "1000\n")
    before = energy.package_microjoules(root)
    assert before == {"intel-rapl:0": (900, 1000)}
    write("sys/class/powercap/intel-rapl:0/energy_uj", "100\n")
    assert energy.spent_millijoules(before, energy.package_microjoules(root)) == pytest.approx(0.2)


def test_gpu_memory_is_that_of_one_process() -> None:
    listing = "11, 300\n12, 512\n12, 8\n13, [N/A]\n"
    assert energy.memory_of_process(listing, 12) == 520 << 20
    assert energy.memory_of_process(listing, 13) is None
    assert energy.memory_of_process("No running processes found\n", 12) is None


def test_cores_are_idle_ones_and_one_of_each_pair_first(write: Write) -> None:
    root = write("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0,4\n")
    assert siblings(0, root) == {0, 4}
    write("sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "1-2\n")
    assert siblings(1, root) == {1, 2}
    assert siblings(7, root) == {7}
    pairs = {core: frozenset({core % 2, core % 2 + 2}) for core in range(4)}
    idle = {0: 10, 1: 15, 2: 0, 3: 15}  # something works on core 2, so core 0 shares its physical core
    assert pick(1, idle, pairs) == [1]
    assert pick(2, idle, pairs) == [0, 1]
    assert pick(3, idle, pairs) == [0, 1, 3]
