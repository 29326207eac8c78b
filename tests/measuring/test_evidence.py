"""What a time taken on one machine says about another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from compactor.measuring.evidence import ThisMachine, local_evidence

LAPTOP = {
    "machine": "x86_64",
    "instruction_sets": ["avx2", "avx_vnni", "fma"],
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


def test_an_old_laptop_is_only_stood_in_for_by_a_new_one() -> None:
    old = replace(TARGET, name="laptop-cpu-no-vnni", without=("avx_vnni", "avx512_vnni"), int8_dot_product=False)
    assert local_evidence(old, LAPTOP).kind == "proxy"
    assert "avx_vnni" in local_evidence(old, LAPTOP).reason
    assert local_evidence(old, {**LAPTOP, "instruction_sets": ["avx2"]}).kind == "measured"


def test_a_new_laptop_is_only_stood_in_for_by_an_old_one() -> None:
    evidence = local_evidence(TARGET, {**LAPTOP, "instruction_sets": ["avx2"]})
    assert evidence.kind == "proxy"
    assert "dot products" in evidence.reason


def test_another_system_on_the_same_processor_is_a_proxy() -> None:
    mac = replace(TARGET, name="apple-silicon", machine="aarch64", system="Darwin", instructions=())
    board = {**LAPTOP, "machine": "aarch64", "system": "Linux 6.6"}
    assert local_evidence(mac, board).kind == "proxy"
    assert local_evidence(mac, {**board, "machine": "arm64", "system": "Darwin 25.1"}).kind == "measured"
