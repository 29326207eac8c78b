"""Places a label beside each bubble so that labels cover neither each other nor a bubble."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

GAP = 6.0
DISTANCES = (0.0, 10.0, 22.0, 36.0, 52.0, 70.0, 92.0, 120.0, 155.0, 200.0)
ROUNDS = 3
LEADER_FROM = 12.0  # farther labels get a line to their bubble
LETTER = 0.56  # width of an average letter over the size of the font, a little more than system fonts need


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Bottom edge."""
        return self.top + self.height

    def overlap(self, other: Box) -> float:
        """Return the shared area in square pixels."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, across) * max(0.0, down)

    def outside(self, frame: Box) -> float:
        """Return the area that sticks out of a frame."""
        return self.width * self.height - self.overlap(frame)


@dataclass(frozen=True)
class Anchor:
    """A bubble that wants a label of some width and height."""

    x: float
    y: float
    radius: float
    width: float
    height: float

    def covered(self, box: Box) -> float:
        """Return how many pixels deep a box reaches into the bubble."""
        across = max(box.left - self.x, 0.0, self.x - box.right)
        down = max(box.top - self.y, 0.0, self.y - box.bottom)
        return max(0.0, self.radius - math.hypot(across, down))


@dataclass(frozen=True)
class Placed:
    """Where a label goes, and whether it needs a line to its bubble."""

    box: Box
    leader: bool


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Estimate the width of a text in pixels; no font is asked."""
    return len(text) * size * (LETTER * 1.06 if bold else LETTER)


def place(anchors: list[Anchor], frame: Box, obstacles: list[Box] | None = None) -> list[Placed]:
    """Return a place for each anchor's label, in the order of the anchors.

    Crowded bubbles choose first, then all choose again. A place that covers a label or a bubble, its own too, or leaves the frame
    is taken only when there is no other; covering an obstacle, or being far, costs less.
    """
    obstacles = obstacles or []
    crowded = sorted(range(len(anchors)), key=lambda i: -sum(_near(anchors[i], other) for other in anchors))
    placed: dict[int, Placed] = {}
    # The first round fills, the others let each label move once the neighbours are known.
    for index in crowded * ROUNDS:
        taken = [entry.box for number, entry in placed.items() if number != index]
        best = min(_candidates(anchors[index]), key=lambda entry: _cost(entry, anchors, index, taken, frame, obstacles))
        placed[index] = Placed(best[0], best[1] >= LEADER_FROM)
    return [placed[index] for index in range(len(anchors))]


def _near(one: Anchor, other: Anchor) -> float:
    return 1.0 / (1.0 + abs(one.x - other.x) / 60 + abs(one.y - other.y) / 20)


def _candidates(anchor: Anchor) -> Iterator[tuple[Box, float, int]]:
    """Yield boxes round a bubble and clear of it, with their distance and a rank of preference.

    Right, left, above and below, then the corners, then the sides again with the label slid along them.
    """
    width, height, x, y = anchor.width, anchor.height, anchor.x, anchor.y
    for distance in DISTANCES:
        away = anchor.radius + GAP + distance
        slant = away * math.sqrt(0.5)
        right, left, above, below = x + away, x - away - width, y - away - height, y + away
        places = [
            (right, y - height / 2),
            (left, y - height / 2),
            (x - width / 2, above),
            (x - width / 2, below),
            *((side, top) for side in (x + slant, x - slant - width) for top in (y - slant - height, y + slant)),
            *((side, top) for side in (right, left) for top in (y - height, y)),
            *((x - share * width, top) for top in (above, below) for share in (0.0, 1.0, 0.25, 0.75)),
        ]
        for rank, (start, top) in enumerate(places):
            yield Box(start, top, width, height), distance, rank


def _cost(
    entry: tuple[Box, float, int], anchors: list[Anchor], index: int, taken: list[Box], frame: Box, obstacles: list[Box]
) -> float:
    box, distance, rank = entry
    roomy = Box(box.left - 3, box.top - 2, box.width + 6, box.height + 4)
    forbidden = sum(roomy.overlap(other) for other in taken) + box.outside(frame)
    bubbles = sum(depth * box.height for other in anchors if (depth := other.covered(box)))
    lines = sum(box.overlap(obstacle) for obstacle in obstacles)
    return 1000 * (forbidden + bubbles) + 1.5 * lines + 4 * distance + 3 * rank
