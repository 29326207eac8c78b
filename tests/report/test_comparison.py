from __future__ import annotations

import copy
import json

import pytest

from compactor.base.errors import ProfileError
from compactor.report.comparison import ComparisonError, Pair, compare
from compactor.report.comparison_text import comparison_text
from compactor.report.gates import parse_gate


def changed(record, **top):
    return copy.deepcopy(record) | top


@pytest.fixture
def slower(record):
    """Another run of the same machine: static quantization, 7 % slower, 0.6 points worse."""
    value = changed(record, name="static")
    value["rows"][4]["settings"] = {"method": "static-int8", "calibration": 128}
    value["reproduce"]["seed"] = 1
    for row in value["rows"][4:]:
        row["latency_ms"][0] |= {"p50": 1.3, "ci95_p50": [1.28, 1.32]}
        row["quality"] |= {"value": 0.915, "ci95": [0.9055, 0.9245]}
    return value


def test_rows_are_matched_by_stage(record, slower, written):
    found = compare(written(record, "one"), written(slower, "two"))
    assert [pair.id for pair in found.pairs] == [row["id"] for row in record["rows"] + record["controls"]]
    assert found.selected.id == "package"
    assert found.selected.latency_ratio.value == pytest.approx(1.3 / record["rows"][-1]["latency_ms"][0]["p50"])
    assert found.selected.latency_ratio.excludes(1.0)
    assert found.selected.quality_change.value == pytest.approx(-0.0064)
    assert found.selected.size_ratio == 1.0


def answered(folder, **columns):
    """Write answers of 200 texts: a share of each column is right."""
    lines = [",".join(["text", "label", *columns])]
    lines += [",".join([str(text), "a", *("a" if text < right else "b" for right in columns.values())]) for text in range(200)]
    (folder / "answers.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_answers_to_the_same_texts_are_compared_text_by_text(record, slower, written):
    first, second = answered(written(record, "one"), package=190, teacher=196), answered(written(slower, "two"), package=186)
    found = compare(first, second)
    assert found.paired
    change = found.selected.quality_change
    assert change.value == pytest.approx(-0.02)
    assert change.ci95[0] > -0.045, "unpaired, two accuracies of 200 texts leave 4 points on either side"
    assert change.ci95[1] <= 0
    assert "paired" in comparison_text(found)
    teacher = next(pair for pair in found.pairs if pair.id == "teacher")
    assert teacher.quality_change.value == 0, "the second run kept no answers of its teacher: from the intervals"


def test_answers_to_other_texts_are_not_paired(record, slower, written):
    slower["reproduce"]["data"]["test"] = "another file"
    found = compare(answered(written(record, "one"), package=190), answered(written(slower, "two"), package=186))
    assert not found.paired
    assert found.selected.quality_change.value == pytest.approx(-0.0064)


def test_settings_that_differ_are_listed(record, slower, written):
    found = compare(written(record, "one"), written(slower, "two"))
    assert found.settings == (
        ("seed", 0, 1),
        ("quantize.method", "dynamic-int8", "static-int8"),
        ("quantize.calibration", None, 128),
    )
    assert "quantize.method: dynamic-int8 -> static-int8" in comparison_text(found)


def test_a_run_against_itself_differs_in_nothing(record, written):
    found = compare(written(record, "one"), written(record, "two"))
    assert found.settings == ()
    assert found.reasons == ()
    assert "the settings are the same" in comparison_text(found)


def test_a_stage_that_only_one_run_has_is_shown_with_gaps(record, written):
    other = changed(record)
    del other["rows"][2]
    found = compare(written(record, "one"), written(other, "two"))
    prune = next(pair for pair in found.pairs if pair.id == "prune")
    assert prune.latency_ms[1] is prune.latency_ratio is prune.quality_change is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r["environment"]["machine"].update(cpu_model="AMD EPYC"), "cpu model differs"),
        (lambda r: r["environment"]["machine"]["instruction_sets"].remove("avx512_vnni"), "-avx512_vnni"),
        (lambda r: r["target"].update(name="arm-edge"), "the targets are laptop-cpu and arm-edge"),
        (
            lambda r: [c.update(threads=4) for row in r["rows"] + r["controls"] for c in row["latency_ms"]],
            "the threads are 1 and 4",
        ),
        (lambda r: r["rows"][-1].update(evidence="measured"), "the times are proxy and measured"),
    ],
)
def test_times_of_other_conditions_are_refused_and_said_why(record, written, change, reason):
    other = changed(record)
    change(other)
    first, second = written(record, "one"), written(other, "two")
    with pytest.raises(ComparisonError, match=reason) as error:
        compare(first, second)
    assert error.value.exit_status == 2
    assert "--anyway" in error.value.problem.hint
    found = compare(first, second, anyway=True)
    assert any(reason in told for told in found.reasons)
    assert found.selected.latency_ratio is not None
    assert "although the conditions differ" in comparison_text(found)


def test_json_form_is_json(record, slower, written):
    value = compare(written(record, "one"), written(slower, "two")).as_dict()
    assert json.loads(json.dumps(value))["settings"][0] == {"name": "seed", "first": 0, "second": 1}


def pair(**figures) -> Pair:
    nothing = {"quality": (0.9, 0.9), "size_bytes": (8_000_000, 8_000_000), "latency_ms": (1.0, 1.0)}
    return Pair(id="package", quality_change=None, size_ratio=None, latency_ratio=None, **(nothing | figures))


@pytest.mark.parametrize(
    ("text", "figures", "trips"),
    [
        ("latency_ms>+5%", {"latency_ms": (1.0, 1.06)}, True),
        ("latency_ms>+5%", {"latency_ms": (1.0, 1.05)}, False),
        ("latency_ms>=+5%", {"latency_ms": (1.0, 1.05)}, True),
        ("latency_ms > 5", {"latency_ms": (1.0, 5.1)}, True),
        ("latency_ms>5", {"latency_ms": (1.0, 4.9)}, False),
        ("size_mb>+0.5", {"size_bytes": (8_000_000, 8_600_000)}, True),
        ("size_mb>8.5", {"size_bytes": (9_000_000, 8_400_000)}, False),
        ("accuracy<-0.5pt", {"quality": (0.93, 0.924)}, True),
        ("accuracy<-0.5pt", {"quality": (0.93, 0.925)}, False),
        ("accuracy<-0.005", {"quality": (0.93, 0.924)}, True),
        ("accuracy<-1%", {"quality": (0.90, 0.89)}, True),
        ("accuracy<.92", {"quality": (0.93, 0.91)}, True),
        ("latency_ms>+5%", {"latency_ms": (1.0, None)}, True),
        ("latency_ms>+5%", {"latency_ms": (None, 1.0)}, True),
        ("latency_ms>5", {"latency_ms": (None, 1.0)}, False),
    ],
)
def test_gates(text, figures, trips):
    assert bool(parse_gate(text).trips(pair(**figures))) is trips


@pytest.mark.parametrize(
    "text", ["", "latency", "latency_ms=5", "speed>3", "latency_ms>", "latency_ms>+5pt", "size_mb>5 MB", "__import__>1"]
)
def test_conditions_that_are_not_understood(text):
    with pytest.raises(ProfileError, match="is not understood") as error:
        parse_gate(text)
    assert error.value.exit_status == 2
