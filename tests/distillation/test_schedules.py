"""Values that change with progress."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from compactor.distillation.schedules import Schedule, largest, smallest, value_at


def test_shapes() -> None:
    linear = Schedule.model_validate({"from": 0.9, "to": 0.5})
    assert [linear.at(progress) for progress in (0, 0.5, 1)] == pytest.approx([0.9, 0.7, 0.5])
    cosine = Schedule.model_validate({"from": 0.0, "to": 1.0, "shape": "cosine"})
    assert [cosine.at(progress) for progress in (0, 0.25, 0.5, 1)] == pytest.approx([0, 0.14645, 0.5, 1], abs=1e-4)
    step = Schedule.model_validate({"from": 1.0, "to": 0.0, "shape": "constant", "until": 0.3})
    assert [step.at(progress) for progress in (0, 0.29, 0.31, 1)] == [1, 1, 0, 0]


def test_a_warm_up_reaches_its_end_early_and_holds_it() -> None:
    warm = Schedule.model_validate({"from": 0, "to": 8, "until": 0.2})
    assert [warm.at(progress) for progress in (0, 0.1, 0.2, 1)] == pytest.approx([0, 4, 8, 8])


def test_a_plain_number_stays() -> None:
    assert value_at(0.3, 0.9) == 0.3
    assert smallest(Schedule.model_validate({"from": 3, "to": 1})) == 1


def test_a_misspelt_name_is_refused() -> None:
    with pytest.raises(ValidationError):
        Schedule.model_validate({"from": 1, "too": 0})


def test_since_warm_up_and_until_bound_the_course() -> None:
    late = Schedule.model_validate({"from": 1.0, "to": 0.0, "since": 0.5})
    assert [late.at(progress) for progress in (0, 0.5, 0.75, 1)] == pytest.approx([1, 1, 0.5, 0])
    warmed = Schedule.model_validate({"from": 0.8, "to": 0.4, "warmup": 0.2, "until": 0.6, "shape": "cosine"})
    assert [warmed.at(progress) for progress in (0, 0.1, 0.2, 0.4, 0.6, 1)] == pytest.approx([0, 0.4, 0.8, 0.6, 0.4, 0.4])
    assert smallest(warmed) == 0
    assert largest(warmed) == 0.8


def test_from_the_teacher_towards_the_labels_the_sum_stays() -> None:
    teacher, labels = (Schedule.model_validate({"from": a, "to": b, "shape": "cosine"}) for a, b in ((0.9, 0.1), (0.1, 0.9)))
    for progress in (0, 0.3, 0.7, 1):
        assert teacher.at(progress) + labels.at(progress) == pytest.approx(1)


@pytest.mark.parametrize("wrong", [{"since": 0.5, "until": 0.5}, {"warmup": 0.6, "until": 0.5}, {"warmup": 1.0}])
def test_a_course_that_ends_before_it_begins_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Schedule.model_validate({"from": 1, "to": 0} | wrong)
