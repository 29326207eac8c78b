"""Small learnable sets for the tasks that are not one class a text: topics of a text, a score of two texts, names in a sentence."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

TOPICS = {
    "refund": "money refund charge paid".split(),  # noqa: SIM905 - a line of words reads better
    "delivery": "parcel late courier box".split(),  # noqa: SIM905
    "login": "password account code phone".split(),  # noqa: SIM905
}
FILLER = "please help me i the my with about today it is was not can you".split()  # noqa: SIM905
NAMES = {
    "PER": [["anna"], ["peter", "smith"], ["maria", "lopez"], ["john"]],
    "LOC": [["paris"], ["new", "york"], ["rome"], ["san", "jose"]],
}


def text_with(dice: random.Random, topics: list[str]) -> str:
    """Return a text with a word of each topic among filler."""
    words = [dice.choice(TOPICS[topic]) for topic in topics] + dice.sample(FILLER, dice.randint(2, 5))
    dice.shuffle(words)
    return " ".join(words)


def write_topics(path: Path, count: int, seed: int) -> None:
    """Write json lines of texts with none to three topics each."""
    dice = random.Random(seed)
    rows = []
    for number in range(count):
        topics = sorted(dice.sample(list(TOPICS), dice.choice([0, 1, 1, 2, 3])))
        rows.append({"text": f"{text_with(dice, topics)} {number}", "topics": topics})
    path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")


def write_scores(path: Path, count: int, seed: int) -> None:
    """Write a csv of two texts and how many topics they have: a score that a small model learns."""
    dice = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["first", "second", "score"])
        for _ in range(count):
            one, other = (dice.sample(list(TOPICS), dice.randint(0, 3)) for _ in range(2))
            writer.writerow([text_with(dice, one), text_with(dice, other), len(one) + len(other) + 0.25])


def write_names(path: Path, count: int, seed: int) -> None:
    """Write CoNLL lines of sentences with names of people and places."""
    dice = random.Random(seed)
    lines: list[str] = []
    for _ in range(count):
        for _ in range(dice.randint(1, 3)):
            lines += [f"{word} O" for word in dice.sample(FILLER, dice.randint(1, 2))]
            kind = dice.choice(list(NAMES))
            for place, word in zip("BII", dice.choice(NAMES[kind]), strict=False):
                lines.append(f"{word} {place}-{kind}")
        lines.append("")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
