"""README.md of a bundle: the model card. And measured.json beside it. Both lie outside the hashed files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compactor.base.atomic import read_json, write_json, write_text
from compactor.base.figures import three_figures
from compactor.bundle import snippets
from compactor.bundle.answers import what_it_answers, what_it_does_not_know
from compactor.bundle.cascades import has_larger
from compactor.bundle.layout import CARD, MANIFEST, MEASURED, PROFILE, SCHEMA
from compactor.bundle.licenses import NOT_STATED
from compactor.bundle.relocate import scrubbed

REAL_LENGTH = "data"
# What of a row of report.json travels with the model. Settings are in profile.yaml, raw samples stay with the run.
ROW = (
    *(
        "id",
        "stage",
        "control",
        "parameters",
        "size_bytes",
        "size_by_part",
        "quality",
        "throughput_per_s",
        "load_ms",
        "first_ms",
    ),
    *("peak_memory_bytes", "evidence", "noise"),
)
CONTROLS = {
    "labels_only": "control: the same student trained on labels alone",
    "teacher_int8": "control: the teacher only quantized",
    "linear": "control: n-gram linear model",
    "pixels": "control: linear model on pixels",
}


def write_measured(folder: Path, report: dict[str, Any]) -> None:
    """Write measured.json: the figures of a run with their machine and conditions.

    Args:
        folder: the bundle.
        report: content of report.json.
    """
    environment = report.get("environment") or {}
    measured = {
        "schema": SCHEMA,
        "name": report.get("name"),
        "target": report.get("target"),
        "environment": {name: value for name, value in environment.items() if name != "git"},
        "budget": report.get("budget"),
        "selected": report.get("selected"),
        "rows": [_row(row) for row in report.get("rows", [])],
        "controls": [_row(row) for row in report.get("controls", [])],
        "seed": (report.get("reproduce") or {}).get("seed"),
        "finished": report.get("finished"),
    }
    write_json(folder / MEASURED, scrubbed(measured))


def write_card(folder: Path, report: dict[str, Any] | None) -> None:
    """Write README.md.

    Args:
        folder: the bundle; its manifest.json is read.
        report: content of report.json, or None while nothing has been measured.
    """
    manifest = read_json(folder / MANIFEST)
    parts = [
        _front_matter(manifest),
        f"# {manifest['name']}",
        _what(manifest),
        _figures(manifest, report),
        snippets.loading(manifest),
        _care(manifest),
        _provenance(folder, manifest),
    ]
    write_text(folder / CARD, "\n\n".join(scrubbed(part) for part in parts) + "\n")


def _front_matter(manifest: dict[str, Any]) -> str:
    licence = manifest["licenses"]["model"]
    lines = [f"license: {licence}"] if licence else []
    return "\n".join(["---", *lines, f"pipeline_tag: {manifest['pipeline_tag']}", "tags: [onnx, compactor]", "---"])


def _what(manifest: dict[str, Any]) -> str:
    size = sum(entry["size_bytes"] for path, entry in manifest["files"].items() if path.endswith(".onnx")) / 1e6
    reads = f"{'two sentences' if manifest['pair'] else 'a text'} of at most {manifest['max_length']} tokens"
    sees = bool(manifest.get("image"))
    models = "ONNX, two models (the larger answers what the first is unsure of)" if has_larger(manifest) else "ONNX"
    return (
        f"{'Sees an image' if sees else f'Reads {reads}'} and answers with {what_it_answers(manifest)}.\n\n"
        f"{models}, {manifest['precision']}, {size:.3g} MB, made by compactor {manifest['made']['compactor']} for the target "
        f"`{manifest['target']}`. It needs onnxruntime and {'Pillow' if sees else 'a tokenizer'}, no PyTorch."
    )


def _figures(manifest: dict[str, Any], report: dict[str, Any] | None) -> str:
    """Return the trade-off table with the conditions under which it holds."""
    if not report or not report.get("rows"):
        return "## What it cost and what it bought\n\nNot measured yet."
    rows = [*report["rows"], *report.get("controls", [])]
    metric, split = _metric(rows)
    head = f"| stage | {metric} ({split}) | size, MB | latency, ms | parameters |\n|---|---|---|---|---|"
    target = report.get("target") or {}
    environment = report.get("environment") or {}
    machine = (
        environment.get("cpu_model") or (environment.get("machine") or {}).get("cpu_model") or "a machine that was not recorded"
    )
    evidence = target.get("evidence") or "not measured"
    one = "one image at a time" if manifest.get("image") else "one text at a time with the lengths of the data, unpadded"
    return "\n".join(
        [
            "## What it cost and what it bought",
            "",
            head,
            *[_table_line(row) for row in rows],
            "",
            f"Quality with its 95 % interval. Latency: median of {one}, on {machine};",
            f"evidence for the target `{manifest['target']}`: {evidence}. Size: all that an app ships.",
            "Every row with a latency runs in onnxruntime.",
            *_noise(rows),
            "All figures with their conditions: `measured.json`. A dash is a figure that was not measured.",
        ]
    )


def _noise(rows: list[dict[str, Any]]) -> list[str]:
    """Return a sentence when other work on the machine, or its clock, disturbed the timing."""
    verdicts = {(row.get("noise") or {}).get("verdict", "quiet") for row in rows if row.get("latency_ms")}
    disturbed = sorted(verdicts - {"quiet", None})
    return (
        [f"The timing was disturbed ({', '.join(disturbed)}): ratios hold better than the times themselves."]
        if disturbed
        else []
    )


def _metric(rows: list[dict[str, Any]]) -> tuple[str, str]:
    quality: dict[str, Any] = next((row["quality"] for row in rows if row.get("quality")), {})
    return str(quality.get("metric", "quality")).replace("_", " "), str(quality.get("split", "not measured"))


def _table_line(row: dict[str, Any]) -> str:
    control = row.get("control")
    name = CONTROLS.get(control, f"control: {control}") if control else str(row.get("id"))
    quality = row.get("quality")
    score = "-"
    if quality:
        low, high = quality["ci95"]
        score = f"{100 * quality['value']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
    size = "-" if row.get("size_bytes") is None else three_figures(row["size_bytes"] / 1e6)
    cell = next((cell for cell in row.get("latency_ms") or [] if cell["length"] == REAL_LENGTH and cell["batch"] == 1), None)
    latency = (
        "-"
        if cell is None or cell.get("p50") is None
        else f"{three_figures(cell['p50'])} ({cell['threads']} thread{'s' * (cell['threads'] != 1)})"
    )
    parameters = "-" if row.get("parameters") is None else f"{row['parameters']:,}"
    return f"| {name} | {score} | {size} | {latency} | {parameters} |"


def _care(manifest: dict[str, Any]) -> str:
    """Return what to mind, as far as it holds for this very bundle."""
    sets = manifest["instruction_sets"]
    notes = [f"- Padding: {manifest['padding']['advice']}."]
    if sets["x86_64"] != "any":
        wanted = " or ".join(sets["x86_64"]["any_of"])
        notes.append(f"- Processor: on x86-64 it wants {wanted}. {sets['why'][0].upper()}{sets['why'][1:]}.")
    domains = (
        f", with the contributed operators of {', '.join(manifest['contrib_domains'])}" if manifest["contrib_domains"] else ""
    )
    notes += [
        f"- Runtime: opset {manifest['opset']}{domains}; by its opset it loads from onnxruntime {manifest['oldest_onnxruntime']} on, "
        f"and was tested with {manifest['tested_onnxruntime']}.",
        *_cut(manifest),
        f"- {what_it_does_not_know(manifest)}",
        "- Self-test: `compactor verify .`; in another language, feed the `inputs` of golden.json and compare with its outputs "
        "within its `tolerance`.",
    ]
    return "## What to mind\n\n" + "\n".join(notes)


def _cut(manifest: dict[str, Any]) -> list[str]:
    """Return what is lost of a text or an image before the model sees it."""
    if not manifest.get("image"):
        return [f"- Longer texts are cut after {manifest['max_length']} tokens, special ones included."]
    return [
        "- Images are turned by their EXIF orientation and seen in RGB, what is transparent as if it were not; see `image` in "
        "manifest.json."
    ]


def _provenance(folder: Path, manifest: dict[str, Any]) -> str:
    made = manifest["made"]
    lines = ["## How it was made", ""]
    if (folder / PROFILE).is_file():
        lines.append(
            "`compactor run profile.yaml`, with the `profile.yaml` of this folder (paths in it are relative to where it was run)."
        )
    if made.get("key"):
        lines.append(f"Packaged from the artifact `{made['key'][:16]}` of the stage `{made.get('stage')}`.")
    licences = manifest["licenses"]
    lines += [
        "",
        "## Licence",
        "",
        f"Model: {licences['model'] or NOT_STATED}. Data: {licences['data'] or NOT_STATED}. See `LICENSES/`.",
    ]
    return "\n".join(lines)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: row[name] for name in ROW if name in row}
    cells = [{name: value for name, value in cell.items() if name != "raw"} for cell in row.get("latency_ms") or []]
    findings = [{name: value for name, value in finding.items() if name != "place"} for finding in row.get("findings") or []]
    return {**kept, "latency_ms": cells, "findings": findings}
