from __future__ import annotations

import math
import random

import pytest

from compactor.report.labels import Anchor, Box, place

FRAME = Box(60, 20, 960, 470)


def overlaps(boxes: list[Box]) -> int:
    return sum(one.overlap(other) > 0 for index, one in enumerate(boxes) for other in boxes[:index])


def nearest(box: Box, anchor: Anchor) -> float:
    """Return how far a box stays from the middle of a bubble."""
    across = max(box.left - anchor.x, 0.0, anchor.x - box.right)
    return math.hypot(across, max(box.top - anchor.y, 0.0, anchor.y - box.bottom))


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


@pytest.mark.parametrize("spread", [5, 15, 40])
@pytest.mark.parametrize("seed", range(10))
def test_labels_cover_no_bubble_however_close_the_points_are(seed, spread):
    rng = random.Random(seed)
    anchors = [
        Anchor(480 + rng.gauss(0, spread), 250 + rng.gauss(0, spread), rng.uniform(4, 44), rng.uniform(60, 190), 34)
        for _ in range(8)
    ]
    boxes = [placed.box for placed in place(anchors, FRAME)]
    assert overlaps(boxes) == 0
    assert all(nearest(box, anchor) >= anchor.radius for box in boxes for anchor in anchors)


def test_a_large_bubble_is_not_covered_by_its_own_label():
    """Right, left, above and below are taken by budget lines; what is left is a corner."""
    anchor = Anchor(500, 250, 44, 150, 34)
    lines = [Box(550, 235, 200, 30), Box(250, 235, 200, 30), Box(430, 150, 100, 44), Box(430, 306, 100, 44)]
    (placed,) = place([anchor], FRAME, lines)
    assert nearest(placed.box, anchor) > 44
    assert not any(placed.box.overlap(line) for line in lines)
