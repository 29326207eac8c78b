"""The card and the figures beside it: what they say is true, and the code on the card runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from compactor.bundle import verify
from compactor.bundle.card import write_card, write_measured

CELL = {"batch": 1, "length": "data", "threads": 1, "p50": 1.234, "raw": "raw/x.npy"}


def row(name: str, value: float | None, **more) -> dict:
    quality = (
        None
        if value is None
        else {"metric": "accuracy", "value": value, "n": 99, "ci95": [value - 0.01, value + 0.01], "split": "test"}
    )
    return {
        "id": name,
        "stage": name,
        "settings": {"model": "/home/me/model"},
        "quality": quality,
        "size_bytes": 1_234_567,
        "latency_ms": [CELL],
        "parameters": 1000,
        "evidence": "measured",
        "findings": [{"code": "L109", "sentence": "see /home/me/model/config.json", "hint": "look", "place": "/home/me"}],
        **more,
    }


@pytest.fixture
def report() -> dict:
    return {
        "name": "tiny",
        "target": {"name": "host", "evidence": "measured"},
        "environment": {"cpu_model": "Some CPU", "git": {"commit": "abc"}},
        "budget": {"met": True},
        "selected": "quantize",
        "rows": [row("teacher", 0.93), row("quantize", 0.92)],
        "controls": [row("linear", 0.88, control="linear", size_bytes=None, latency_ms=[], parameters=None)],
        "reproduce": {"seed": 0, "command": "compactor run /home/me/p.yaml"},
        "finished": "2026-01-01T00:00:00+00:00",
    }


def test_small_figures_have_three_digits_that_count(bundle, report):
    report["rows"][1] |= {"size_bytes": 85_200, "latency_ms": [CELL | {"p50": 0.0098}]}
    write_card(bundle, report)
    assert "| 0.0852 | 0.00980 (1 thread) |" in (bundle / "README.md").read_text(encoding="utf-8")


def test_the_table_holds_the_figures_of_the_report(bundle, report):
    write_card(bundle, report)
    card = (bundle / "README.md").read_text(encoding="utf-8")
    assert "| teacher | 93.0 % [92.0, 94.0] | 1.23 | 1.23 (1 thread) | 1,000 |" in card
    assert "| control: n-gram linear model | 88.0 % [87.0, 89.0] | - | - | - |" in card
    assert "accuracy (test)" in card
    assert "Some CPU" in card
    assert "Not measured yet" not in card


def test_a_disturbed_timing_is_said(bundle, report):
    write_card(bundle, report)
    assert "disturbed" not in (bundle / "README.md").read_text(encoding="utf-8")
    report["rows"][0]["noise"] = {"verdict": "contended"}
    write_card(bundle, report)
    assert "disturbed (contended)" in (bundle / "README.md").read_text(encoding="utf-8")


def test_a_figure_that_was_not_measured_is_a_dash(bundle, report):
    report["rows"][1].update(quality=None, latency_ms=[{**CELL, "p50": None}])
    write_card(bundle, report)
    assert "| quantize | - | 1.23 | - | 1,000 |" in (bundle / "README.md").read_text(encoding="utf-8")


def test_measured_figures_travel_without_paths_and_raw_samples(bundle, report):
    write_measured(bundle, report)
    text = (bundle / "measured.json").read_text(encoding="utf-8")
    assert "/home/me" not in text
    measured = json.loads(text)
    assert measured["rows"][0]["latency_ms"][0] == {name: value for name, value in CELL.items() if name != "raw"}
    assert measured["rows"][1]["quality"]["value"] == 0.92
    assert measured["controls"][0]["control"] == "linear"
    assert "git" not in measured["environment"]


def test_card_and_figures_leave_the_bundle_valid(bundle, report):
    write_measured(bundle, report)
    write_card(bundle, report)
    assert verify(bundle).passed


def test_the_card_says_what_holds_for_this_bundle(built):
    cards = {name: (folder / "README.md").read_text(encoding="utf-8") for name, folder in built.items()}
    assert "avx512_vnni" in cards["int8"]
    assert "avx512_vnni" not in cards["fp32"]
    assert "answers change with padding" in cards["int8"]
    assert "answers do not depend on it" in cards["fp32"]
    assert 'dtype: "q8"' in cards["int8"]
    assert 'dtype: "fp32"' in cards["fp32"]
    assert "text_pair" in cards["pair"]


def test_the_python_of_the_card_runs_as_it_stands(bundle):
    blocks = re.findall(r"```python\n(.*?)```", (bundle / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    answers = []
    for code in blocks[:2]:  # with compactor, and with onnxruntime alone; the third needs Optimum
        assert "optimum" not in code
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=bundle, capture_output=True, text=True, env=dict(os.environ), check=False
        )
        assert done.returncode == 0, done.stderr
        answers.append(done.stdout.strip())
    assert f"'label': '{answers[1]}'" in answers[0], "both ways give the same answer"
