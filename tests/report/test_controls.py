from __future__ import annotations

from compactor.report.controls import control_sentences
from compactor.report.reading import parse_report


def told(record: dict) -> dict[str, str]:
    return {row.control: sentence for row, sentence in control_sentences(parse_report(record))}


def test_a_clear_gain_of_distillation_is_said_with_its_interval(record):
    record["controls"][0]["quality"] |= {"value": 0.9, "ci95": [0.891, 0.909]}
    assert told(record)["labels_only"].startswith(
        "Distillation gained 2.5 points [+1.2, +3.7] (unpaired) over the same student"
    )


def test_a_gain_that_the_interval_does_not_show_is_not_claimed(record):
    assert "the interval includes no gain at all" in told(record)["labels_only"]


def test_a_loss_by_distillation_is_said(record):
    record["rows"][1]["quality"]["against"] = {"labels_only": {"difference": -0.02, "ci95": [-0.03, -0.01]}}
    assert "Distillation lost 2.0 points [\u22123.0, \u22121.0] over" in told(record)["labels_only"]


def test_a_better_linear_model_is_said_in_plain_words(record):
    record["controls"][2]["quality"] |= {"value": 0.95, "ci95": [0.942, 0.958]}
    assert "On this data the linear model is the better one." in told(record)["linear"]
    record["controls"][2]["quality"] |= {"value": 0.92, "ci95": [0.911, 0.929]}
    assert "too close to tell them apart" in told(record)["linear"]


def test_the_quantized_teacher_is_held_against_the_packaged_model(record):
    sentence = told(record)["teacher_int8"]
    assert "3.8\u00d7 smaller" in sentence
    assert "the packaged model is 2.8\u00d7 smaller (8.52 MB against 24.0 MB)" in sentence


def test_a_difference_of_nothing_is_neither_better_nor_worse(record):
    record["rows"][-1]["quality"]["against"] = {"teacher_int8": {"difference": 0.0, "ci95": [-0.004, 0.004]}}
    assert told(record)["teacher_int8"].endswith("and 0.0 points apart [\u22120.4, +0.4].")


def test_a_larger_model_is_not_called_smaller(record):
    teacher, control = record["rows"][0], record["controls"][1]
    record["rows"][-1]["size_bytes"] = 3 * control["size_bytes"]
    assert "the packaged model is 3.00\u00d7 larger (" in told(record)["teacher_int8"]
    control["size_bytes"] = teacher["size_bytes"]
    assert " and is the same size as the teacher itself and " in told(record)["teacher_int8"]
    control["size_bytes"] = 2 * teacher["size_bytes"]
    assert " and is 2.00\u00d7 larger and " in told(record)["teacher_int8"]


def test_controls_that_could_not_be_measured_say_so(record):
    for row in record["controls"]:
        row |= {"quality": None, "latency_ms": [], "size_bytes": None, "evidence": None}
    for sentence in told(record).values():
        assert "not" in sentence
        assert "None" not in sentence
