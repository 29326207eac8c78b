"""What a time taken on one machine says about another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from compactor.measuring.evidence import ThisMachine, local_evidence

LAPTOP = {
    "machine": "x86_64",
    "instruction_sets": ["avx2", "fma"],
    "cores_allowed": 4,
    "chassis": "laptop",
    "cpu_model": "a laptop's",
}
TARGET = ThisMachine(name="laptop-cpu", machine="x86_64", form="laptop", instructions=("avx2",))


@pytest.mark.parametrize(
    ("changes", "kind", "word"),
    [
        ({}, "measured", ""),
        ({"machine": "AMD64"}, "measured", ""),
        ({"chassis": "server"}, "proxy", "server"),
        ({"chassis": "unknown"}, "proxy", "unknown form"),
        ({"machine": "aarch64"}, None, "aarch64"),
        ({"instruction_sets": ["fma"]}, None, "avx2"),
    ],
)
def test_evidence_of_a_machine_for_a_laptop(changes: dict[str, Any], kind: str | None, word: str) -> None:
    evidence = local_evidence(TARGET, {**LAPTOP, **changes})
    assert evidence.kind == kind
    assert word in evidence.reason


def test_fewer_cores_than_threads_are_a_proxy() -> None:
    assert local_evidence(replace(TARGET, threads=8), LAPTOP).kind == "proxy"


def test_the_host_is_always_measured() -> None:
    assert local_evidence(ThisMachine(), {**LAPTOP, "machine": "riscv64", "chassis": "unknown"}).kind == "measured"


def test_the_light_host_is_the_shipped_one() -> None:
    pytest.importorskip("pydantic")
    from compactor.targets import load_target

    shipped = load_target("host")
    light = ThisMachine()
    assert all(getattr(shipped, name) == value for name, value in vars(light).items())
