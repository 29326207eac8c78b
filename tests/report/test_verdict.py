from __future__ import annotations

import pytest

from compactor.report.reading import parse_report
from compactor.report.verdict import missed_words, verdict


def test_the_verdict_of_a_met_budget(record):
    assert verdict(record) == "int8 student: 10.8x smaller, 3.5x faster, -0.8 points of accuracy; meets the budget"


def test_the_verdict_says_everything_that_is_missed(missed):
    assert verdict(missed).endswith(
        "misses the budget: the size is 8.52 MB where 8.5 MB is allowed and the latency was not measured on this target"
    )


def test_a_missed_limit_is_shown_with_enough_digits_to_be_seen():
    told = missed_words({"limit": "size_mb", "allowed": 8.5, "value": 8.5004})
    assert told == "the size is 8.5004 MB where 8.5 MB is allowed"
    assert missed_words({"limit": "accuracy_drop", "allowed": 0.01, "value": 0.0175}) == "1.8 points lost where 1 may be"


def test_without_a_budget_the_verdict_says_so(record):
    record["budget"] = {"limits": {}, "met": True, "missed": []}
    assert verdict(record).endswith("; no budget was set")


def test_a_gain_within_the_interval_is_not_called_a_gain(record):
    record["rows"][-1]["latency_ms"][0] |= {"p50": 4.29, "ci95_p50": [4.2, 4.4]}
    assert "no measurable gain in time (1.00x)" in verdict(record)


def test_slower_and_larger_are_said(record):
    record["rows"][-1]["latency_ms"][0] |= {"p50": 8.6, "ci95_p50": [8.5, 8.7]}
    record["rows"][-1]["size_bytes"] = 2 * record["rows"][0]["size_bytes"]
    told = verdict(record)
    assert "2.00x larger" in told
    assert "2.00x slower" in told


def test_what_was_not_measured_is_said(record):
    record["rows"][-1] |= {"quality": None, "size_bytes": None, "latency_ms": [], "evidence": None}
    assert "size not measured, time not measured, quality not measured" in verdict(record)


def test_a_bare_record_has_a_verdict(bare):
    assert verdict(bare) == "fp32 teacher: the teacher as it is; no budget was set"


@pytest.mark.parametrize(
    ("stages", "settings", "name"),
    [
        (["teacher", "distill", "export"], {}, "fp32 student"),
        (["teacher", "prune", "quantize"], {}, "int8 pruned model"),
        (["teacher", "export", "quantize"], {"method": "static-int8"}, "int8 teacher"),
        (["teacher", "export", "quantize"], {"method": "fp16"}, "fp16 teacher"),
    ],
)
def test_the_model_is_named_after_its_chain(record, stages, settings, name):
    rows = [
        record["rows"][0] | {"id": stage, "stage": stage, "settings": settings if stage == "quantize" else {}}
        for stage in stages
    ]
    told = verdict(parse_report(record | {"rows": rows, "selected": stages[-1]}))
    assert told.startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("method", "facts", "name"),
    [
        ("int4", {"method": "int4", "bits": 8}, "int8 teacher"),
        ("int4", {"method": "int4", "bits": 2}, "int2 teacher"),
        ("int4", {"method": "int4", "bits": 4}, "int4 teacher"),
        ("dynamic-int8", {"method": "fp16"}, "fp16 teacher"),  # what a repair took
    ],
)
def test_the_precision_is_what_quantize_made_and_not_what_it_was_set_to(record, method, facts, name):
    first, last = record["rows"][0], {"id": "quantize", "stage": "quantize", "settings": {"method": method}}
    rows = [first, first | last | {"facts": {"quantize": facts}}]
    assert verdict(parse_report(record | {"rows": rows, "selected": "quantize"})).startswith(f"{name}: ")
