"""SST-2's training phrases with the sentence that each is from, so that validation can set whole sentences aside.

    python benchmarks/sst2_sources.py $COMPACTOR_DATA/data/sst2/train.tsv grouped.tsv
    compactor run profiles/sst2-laptop.yaml --set data.train=grouped.tsv --set data.group=source --set data.validation=0.1

GLUE's file does not tell which phrase is of which sentence. Here a text that stands word for word inside no other counts as a sentence,
and a phrase belongs to the longest one that it stands in. Short phrases stand in several; they go with one of them, as a word that is
known from elsewhere does in any set.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path


def main(given: Path, made: Path) -> None:
    """Write the rows of `given` with one more column, in the same order."""
    with given.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    source = sources([row[head.index("sentence")] for row in rows])
    with made.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n")
        writer.writerow([*head, "source"])
        writer.writerows([*row, str(number)] for row, number in zip(rows, source, strict=True))
    print(f"{len(rows):,} phrases of {len(set(source)):,} sentences")


def sources(texts: list[str]) -> list[int]:
    """Return for each text the number of the longest text that it stands in; its own where it stands in no other."""
    words = [tuple(text.split()) for text in texts]
    of: dict[tuple[str, ...], int] = {}
    for number in sorted(range(len(texts)), key=lambda number: -len(words[number])):
        whole = words[number]
        if whole not in of:
            for start in range(len(whole)):
                for stop in range(start + 1, len(whole) + 1):
                    of.setdefault(whole[start:stop], number)
    return [of.get(each, number) for number, each in enumerate(words)]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
