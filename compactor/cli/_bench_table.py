"""The result of `compactor bench` as text in columns; no package is needed for it."""

from __future__ import annotations

from typing import Any

from compactor.cli._bench_lines import figure, more_lines


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
        told = [f"{figure(each['size_bytes'] / 1e6)} MB"]
        if each["load_ms"] is not None:
            told += [f"loads in {each['load_ms']:.0f} ms", f"first answer {figure(each['first_ms'])} ms"]
        told += [f"peak memory {memory / 1e6:.0f} MB"] if memory else []
        told += [f"machine {each['noise']['verdict']}"] if each["noise"] else []
        print(f"\n{name}: {', '.join(told)}")
        if each["latency_ms"]:
            end_to_end = [each["end_to_end_ms"]] if each["end_to_end_ms"] else []
            _print_cells(each["latency_ms"] + end_to_end, compared=name != first)
        for line in more_lines(each):
            print(f"  {line}")
    if result["self_test"]:
        aa = result["self_test"]
        low, high = aa["ci95"]
        word = "passed" if aa["passed"] else "FAILED"
        print(f"\nself-test {word}: {aa['subject']} against itself {aa['ratio']:.3f} ({low:.3f} to {high:.3f})")
    if "sweep" in result:
        _print_sweep(result["sweep"])
    if len(models) > 1:
        print(f"faster: times faster than {first}, with the 95 % interval; a difference counts when the interval excludes 1")


def _print_cells(rows: list[dict[str, Any]], *, compared: bool) -> None:
    head = ["batch", "length", "p50 ms", "95 % interval", "p90", "p99", "CPU ms/text", "texts/s", "runs"]
    lines = [head + (["faster"] if compared else [])]
    for row in rows:
        ends = row["ci95_p50"]
        line = [
            str(row["batch"]),
            {None: "-", "data": "real", "text": "from text"}.get(row["length"], str(row["length"])),
            figure(row["p50"]),
            f"{figure(ends[0])} to {figure(ends[1])}" if ends else "-",
            figure(row["p90"]),
            figure(row["p99"]),
            figure(row["cpu_ms"]),
            figure(row["throughput_per_s"]),
            str(row["n"]),
        ]
        if compared:
            faster = row["times_faster_than_first"]
            low, high = faster["ci95"] if faster else (0.0, 0.0)
            line.append(f"{figure(faster['ratio'])} ({figure(low)} to {figure(high)})" if faster else "-")
        lines.append(line)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print("  " + "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)))


def _print_sweep(sweep: dict[str, Any]) -> None:
    """Print every variant that was tried, and the best options."""
    print(f"\nsession options of {sweep['model']}, each held against the best before it:")
    lines = [["option", "value", "p50 ms", "faster", "95 % interval", "memory MB", ""]]
    for step in sweep["steps"]:
        ends, memory = step["ci95"], step["peak_memory_bytes"]
        lines.append(
            [
                step["option"],
                str(step["value"]).lower(),
                figure(step["p50"]),
                figure(step["times_faster"]),
                f"{figure(ends[0])} to {figure(ends[1])}" if ends else "-",
                figure(memory / 1e6 if memory else None),
                "kept" if step["chosen"] else "",
            ]
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print("  " + "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)))
    best = ", ".join(f"{name} {str(value).lower()}" for name, value in sweep["best"].items())
    on = sweep["measured_on"]
    print(f"best: {best}; measured on {on['cpu_model']}, {on['cores_allowed']} cores, machine {on['noise']}")
    if sweep["written"]:
        print("written into the bundle's manifest")
