r"""How bundles with a cut vocabulary read texts that had no say in the cut, such as those of another data set.

    python benchmarks/foreign_texts.py RUN/bundle [RUN/bundle ...] --teacher RUN/stages/teacher \
        --texts own/test.csv:text --texts other/dev.tsv:sentence [--rows 2000] [--out FOLDER]

For each file and bundle: pieces per word before and after the cut, the share of pieces that are unknown, the share of texts that are read
in other pieces than the teacher reads, and the share that gets the teacher's label. On foreign texts no label is right: what counts there
is that the bundle still follows its teacher.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Tokenizer

import compactor
from compactor.base.atomic import write_json, write_text

COLUMNS = (
    "texts",
    "bundle",
    "rows",
    "pieces a word, teacher",
    "bundle",
    "unknown",
    "read in other pieces",
    "the teacher's label",
)


class Reading(NamedTuple):
    """How one tokenizer reads the texts: pieces of each, special ones not counted, and the share that is unknown."""

    pieces: list[list[str]]
    unknown: float

    def per_word(self, words: int) -> float:
        """Pieces per word that spaces part."""
        return sum(map(len, self.pieces)) / words


def main() -> None:
    """Print the table, and with --out keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument("--teacher", type=Path, required=True, help="the torch folder of the teacher: RUN/stages/teacher")
    parser.add_argument("--texts", action="append", required=True, metavar="FILE:COLUMN", help="csv or tsv; may be given again")
    parser.add_argument("--rows", type=int, default=2000, help="at most so many texts of each file, from its start")
    parser.add_argument("--out", type=Path, help="folder for foreign.md and foreign.json")
    arguments = parser.parse_args()
    files = {name: texts_of(*name.rsplit(":", 1), arguments.rows) for name in arguments.texts}
    teacher = answers_of_teacher(arguments.teacher, files)
    found = [
        row(file, bundle, texts, arguments.teacher, teacher[file])
        for file, texts in files.items()
        for bundle in arguments.bundles
    ]
    table = "\n".join(markdown(found)) + "\n"
    print(table)
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        write_text(arguments.out / "foreign.md", table)
        write_json(arguments.out / "foreign.json", found)


def texts_of(path: str, column: str, rows: int) -> list[str]:
    """Return one column of a csv or tsv file."""
    settings: dict[str, Any] = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if path.endswith(".tsv") else {}
    with open(path, encoding="utf-8", newline="") as file:
        return [line[column] for line in csv.DictReader(file, **settings)][:rows]


def answers_of_teacher(folder: Path, files: dict[str, list[str]]) -> dict[str, np.ndarray]:
    """Return the teacher's label numbers by file, from a plain fp32 export."""
    from compactor.exporting import export_onnx
    from compactor.tasks import TASKS

    task = TASKS.load("text_classification")()
    with tempfile.TemporaryDirectory() as scratch:
        export_onnx(folder, Path(scratch) / "fp32", task=task, pair=False, opset=17)
        model = compactor.load(str(Path(scratch) / "fp32"))
        return {file: model.logits(texts, batch_size=32).argmax(-1) for file, texts in files.items()}


def row(file: str, bundle: Path, texts: list[str], teacher: Path, labels: np.ndarray) -> dict[str, Any]:
    """Return the figures of one file and bundle."""
    words = sum(len(text.split()) for text in texts)
    before, after = read(teacher, texts), read(bundle, texts)
    other = np.mean([one != two for one, two in zip(before.pieces, after.pieces, strict=True)])
    same = np.mean(compactor.load(str(bundle)).logits(texts).argmax(-1) == labels)
    return {
        "texts": Path(file.rsplit(":", 1)[0]).name,
        "bundle": json.loads((bundle / "manifest.json").read_text())["name"],
        "rows": len(texts),
        "pieces_per_word_teacher": before.per_word(words),
        "pieces_per_word": after.per_word(words),
        "unknown": after.unknown,
        "read_otherwise": float(other),
        "agreement": float(same),
    }


def read(folder: Path, texts: list[str]) -> Reading:
    """Return how the tokenizer of a folder reads the texts, whole."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    pieces = [each.tokens for each in tokenizer.encode_batch(texts, add_special_tokens=False)]
    return Reading(pieces, sum(each.count("[UNK]") for each in pieces) / max(1, sum(map(len, pieces))))


def markdown(found: list[dict[str, Any]]) -> list[str]:
    """Return the table as lines."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "| --- | --- |" + " ---: |" * (len(COLUMNS) - 2)]
    for each in found:
        shares = [f"{100 * each[name]:.2f} %" for name in ("unknown", "read_otherwise", "agreement")]
        pieces = [f"{each[name]:.2f}" for name in ("pieces_per_word_teacher", "pieces_per_word")]
        lines.append("| " + " | ".join([each["texts"], each["bundle"], f"{each['rows']:,}", *pieces, *shares]) + " |")
    return lines


if __name__ == "__main__":
    main()
