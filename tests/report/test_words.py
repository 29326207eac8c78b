from __future__ import annotations

import pytest

from compactor.report import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (91_905_764, "91.9 MB"),
        (8_517_320, "8.52 MB"),
        (1_210_000, "1.21 MB"),
        (999_960, "1.00 MB"),
        (123_456_789, "123 MB"),
        (412, "0.000412 MB"),
        (0, "0 MB"),
    ],
)
def test_megabytes_have_three_figures(value, text):
    assert words.megabytes(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00028, "0.000280"),
        (0.0123, "0.0123"),
        (0.9996, "1.00"),
        (0.09996, "0.100"),
        (9.996, "10.0"),
        (-0.0456, "\u22120.0456"),
    ],
)
def test_small_figures_have_three_too(value, text):
    assert words.significant(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.842, "0.842"), (0.9997, "0.9997"), (0.99996, "0.99996"), (1.0, "1.00"), (0.0, "0"), (0.05, "0.0500")]
)
def test_a_probability_is_not_rounded_to_one(value, text):
    assert words.probability(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0127, "+1.3"), (-0.0075, "\u22120.8"), (0.0004, "0.0"), (-0.0004, "0.0"), (0.0, "0.0")]
)
def test_points_have_a_sign_unless_they_round_to_zero(value, text):
    assert words.points(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.5478, "3.5x"), (10.79, "10.8x"), (1.016, "1.02x"), (0.5, "0.500x"), (232.4, "232x"), (None, "not measured")],
)
def test_ratios(value, text):
    assert words.plain(words.times(value)) == text


@pytest.mark.parametrize(
    ("value", "text"), [(3.84, "3.8 s"), (59.99, "60.0 s"), (486.0, "8 min 06 s"), (7500, "2 h 05 min"), (None, "not measured")]
)
def test_durations(value, text):
    assert words.duration(value) == text


@pytest.mark.parametrize(("value", "text"), [(22_742_861, "22.7 M"), (412_000, "412 k"), (871, "871"), (None, "not measured")])
def test_counts(value, text):
    assert words.count(value) == text


def test_a_quiet_machine_has_no_mark():
    assert words.noise_mark({"verdict": "quiet", "flags": []}) == ""
    assert words.noise_mark({}) == ""
    assert words.noise_mark({"verdict": "contended", "flags": ["contended", "few_samples"]}) == "contended, few samples"
