"""The lines of `compactor bench` below a model's table: made-up inputs, scenarios, throughput, memory, energy, cost, what is absent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compactor.base.figures import three_figures
from compactor.cli._bench_elsewhere import answer_line


def more_lines(each: dict[str, Any]) -> Iterator[str]:
    """Yield what is known of one model beside its times, one sentence a line."""
    if each.get("answers"):
        yield answer_line(each["answers"])
    yield from _inputs(each)
    yield from _scenarios(each["scenarios"])
    if each["throughput"]:
        rates = ", ".join(f"{row['workers']}: {figure(row['texts_per_s'])}" for row in each["throughput"])
        yield f"texts/s by number of workers: {rates} (batch {each['throughput'][0]['batch']})"
    mixed = each["memory_bytes"].get("mixed_lengths")
    if mixed:
        yield f"memory after 200 inputs of mixed lengths {mixed / 1e6:.0f} MB"
    if each["energy"]:
        spent = each["energy"]["mj_per_text"]
        yield (
            "energy not measured: " + each["energy"]["reason"]
            if spent is None
            else (f"energy {figure(spent)} mJ a text, {each['energy']['source']}")
        )
    if each["cost_per_million"]:
        cost = each["cost_per_million"]
        yield (
            f"{figure(cost['value'])} {cost['currency']} a million answers, at {figure(cost['texts_per_s'])} texts/s "
            f"and {cost['price_per_hour']:g} {cost['currency']} an hour"
        )
    nodes = each["conditions"].get("nodes")
    if nodes and len(nodes) > 1:
        yield "nodes by provider: " + ", ".join(f"{name} {count}" for name, count in nodes.items())


def figure(value: float | None) -> str:
    """Return three figures that count, or a dash for what was not measured."""
    return "-" if value is None else three_figures(value)


def _inputs(each: dict[str, Any]) -> Iterator[str]:
    """Say what made-up inputs hold; cells of real lengths hold the texts that were given."""
    if not any(isinstance(row["length"], int | None) for row in each["latency_ms"] or []):
        return
    told = [
        f"{given['name']} ({', '.join(map(str, given['shape']))}) {given['filled']}"
        for given in each["conditions"].get("inputs") or []
    ]
    if told:
        yield "made-up inputs: " + "; ".join(told)


def _scenarios(scenarios: dict[str, dict[str, Any]]) -> Iterator[str]:
    parts = []
    if single := scenarios.get("single_stream"):
        parts.append(f"SingleStream p90 {_or_reason(single, 'p90_ms')}")
    if multi := scenarios.get("multi_stream"):
        parts.append(f"MultiStream p99 {_or_reason(multi, 'p99_ms')}")
    if offline := scenarios.get("offline"):
        workers = f", {offline['workers']} workers" if offline["workers"] > 1 else ""
        parts.append(f"Offline {figure(offline['texts_per_s'])} texts/s (batch {offline['batch']}{workers})")
    if parts:
        yield "in MLPerf's terms: " + ", ".join(parts)


def _or_reason(scenario: dict[str, Any], name: str) -> str:
    value = scenario[name]
    return f"{figure(value)} ms" if value is not None else f"not stated ({scenario['reason']})"
