from __future__ import annotations

import random

import pytest

from compactor.report.labels import Anchor, Box, place

FRAME = Box(60, 20, 960, 470)


def overlaps(boxes: list[Box]) -> int:
    return sum(one.overlap(other) > 0 for index, one in enumerate(boxes) for other in boxes[:index])


@pytest.mark.parametrize("seed", range(20))
def test_labels_never_cover_each_other_nor_leave_the_frame(seed):
    random.seed(seed)
    anchors = [
        Anchor(random.uniform(120, 960), random.uniform(60, 450), random.uniform(4, 44), random.uniform(60, 190), 34)
        for _ in range(10)
    ]
    boxes = [placed.box for placed in place(anchors, FRAME)]
    assert overlaps(boxes) == 0
    assert max(box.outside(FRAME) for box in boxes) < 1e-6


def test_bubbles_at_one_place_get_labels_apart_with_lines_to_them():
    anchors = [Anchor(500, 250, 20, 150, 34) for _ in range(8)]
    placed = place(anchors, FRAME)
    assert overlaps([entry.box for entry in placed]) == 0
    assert any(entry.leader for entry in placed)


def test_a_lonely_bubble_has_its_label_at_its_right():
    (placed,) = place([Anchor(300, 200, 10, 80, 17)], FRAME)
    assert placed.box.left == pytest.approx(316)
    assert not placed.leader


def test_order_of_the_answer_is_the_order_of_the_question():
    anchors = [Anchor(200, 100, 10, 80, 17), Anchor(800, 400, 10, 80, 17)]
    first, second = place(anchors, FRAME)
    assert first.box.left < 400 < second.box.left
