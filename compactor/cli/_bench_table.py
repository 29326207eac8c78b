"""The result of `compactor bench` as text in columns; no package is needed for it."""

from __future__ import annotations

from typing import Any


def print_table(result: dict[str, Any]) -> None:
    """Print one block a model, the verdict on noise, and the self-test."""
    models = result["models"]
    evidence = result["evidence"] or "not measured"
    print(
        f"target {result['target']} ({evidence}), {result['machine']['cpu_model']}, onnxruntime {result['versions']['onnxruntime']}"
    )
    first = next(iter(models))
    for name, each in models.items():
        memory = each["peak_memory_bytes"]
        told = [f"{each['size_bytes'] / 1e6:.2f} MB"]
        if each["load_ms"] is not None:
            told += [f"loads in {each['load_ms']:.0f} ms", f"first answer {each['first_ms']:.1f} ms"]
        told += [f"peak memory {memory / 1e6:.0f} MB"] if memory else []
        told += [f"machine {each['noise']['verdict']}"] if each["noise"] else []
        print(f"\n{name}: {', '.join(told)}")
        if each["latency_ms"]:
            _print_cells(each["latency_ms"], compared=name != first)
    if result["self_test"]:
        aa = result["self_test"]
        low, high = aa["ci95"]
        word = "passed" if aa["passed"] else "FAILED"
        print(f"\nself-test {word}: {aa['subject']} against itself {aa['ratio']:.3f} ({low:.3f} to {high:.3f})")
    if len(models) > 1:
        print(f"faster: times faster than {first}, with the 95 % interval; a difference counts when the interval excludes 1")


def _print_cells(rows: list[dict[str, Any]], *, compared: bool) -> None:
    head = ["batch", "length", "p50 ms", "95 % interval", "p90", "p99", "CPU ms/text", "texts/s", "runs"]
    lines = [head + (["faster"] if compared else [])]
    for row in rows:
        ends = row["ci95_p50"]
        line = [
            str(row["batch"]),
            {None: "-", "data": "real"}.get(row["length"], str(row["length"])),
            _figure(row["p50"]),
            f"{_figure(ends[0])} to {_figure(ends[1])}" if ends else "-",
            _figure(row["p90"]),
            _figure(row["p99"]),
            _figure(row["cpu_ms"]),
            _figure(row["throughput_per_s"]),
            str(row["n"]),
        ]
        if compared:
            faster = row["times_faster_than_first"]
            low, high = faster["ci95"] if faster else (0.0, 0.0)
            line.append(f"{_figure(faster['ratio'])} ({_figure(low)} to {_figure(high)})" if faster else "-")
        lines.append(line)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print("  " + "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)))


def _figure(value: float | None) -> str:
    """Return three significant figures, never in powers of ten."""
    if value is None:
        return "-"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"
