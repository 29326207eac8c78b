"""How the augment stage works: origins one after the other, through the sieve, into one Arrow file; then the teacher is asked."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.augmentation.copies import Copier, in_blocks
from compactor.augmentation.corpus import Corpus
from compactor.augmentation.sieve import Count, Sieve
from compactor.base.errors import StageError
from compactor.base.finding import Finding
from compactor.data import DatasetWriter, Rows
from compactor.data.duplicates import keys_of, text_keys

if TYPE_CHECKING:
    from compactor.stages._contract import Work
    from compactor.stages.augment import Augment

# Source rows whose copies are made, looked at and written together; decides memory alone.
BLOCK_ROWS = 256
# Keep the generators of copies of unlabelled texts apart from those of training texts.
TRAIN, UNLABELLED = 1, 2
FEW = 0.5

Block = tuple[list[str], list[str] | None]


class Making:
    """The rows in the making.

    Args:
        work: of the augment stage.

    Raises:
        StageError: A101 nothing was left to write.
    """

    def __init__(self, work: Work) -> None:
        data = work.data
        self.work, self.train = work, data.train
        held_out = [text_keys(rows) for rows in (data.validation, data.test) if rows is not None]
        self.sieve = Sieve(text_keys(data.train), np.concatenate(held_out))
        self.counts: dict[str, Count] = {}
        self.operations: Counter[str] = Counter()
        self.seconds: dict[str, float] = {}
        self.writer = DatasetWriter(work.folder, pair=data.pair)
        teacher = work.teacher.folder if work.teacher is not None and work.teacher.kind == "torch" else None
        self.corpus = Corpus(self.train, find=self._find, teacher=teacher, threads=work.threads)

    def unlabelled(self, stage: Augment) -> None:
        """Take the texts of `data.unlabelled`, and their copies."""
        rows = self.work.open_unlabelled()
        if rows is None:
            return
        self._pass("unlabelled", rows, 1, lambda start, stop: (rows.texts(start, stop), rows.pairs(start, stop)))
        if stage.unlabelled_copies:
            copier = self._copier(stage, stage.unlabelled_copies, UNLABELLED)
            make = copier.block
            self._pass("unlabelled copies", rows, copier.copies, lambda start, stop: make(rows, start, stop, labelled=False))
            self.operations += copier.made

    def copies(self, stage: Augment) -> None:
        """Make changed copies of the training texts."""
        if stage.copies:
            each, chosen = self._within(stage.most, stage.copies)
            copier = self._copier(stage, each, TRAIN)
            make = copier.block
            self._pass("copies", self.train, each, lambda start, stop: make(self.train, start, stop, wanted=chosen))
            self.operations += copier.made

    def _within(self, most: int | None, copies: int) -> tuple[int, np.ndarray | None]:
        """Return how often each training row is copied, and which rows are, bool (rows,), None for all: no more than `most` in all."""
        count = len(self.train)
        if most is None or count * copies <= most:
            return copies, None
        if most >= count:
            return most // count, None
        chosen = np.zeros(count, dtype=bool)
        chosen[np.random.default_rng(self.work.seed).permutation(count)[:most]] = True
        return 1, chosen

    def finish(self) -> None:
        """Close the file, ask the teacher how sure it is, and say what happened."""
        self.writer.__exit__(None, None, None)
        made, kept = sum(count.made for count in self.counts.values()), self.writer.count
        if not kept:
            sentence = f"augment has no row to give: of {made:,} texts none is new"
            raise StageError("A101", sentence, "give other operations, or other texts in data.unlabelled")
        facts: dict[str, Any] = {"rows": kept, "train_rows": len(self.train)}
        facts["origins"] = {name: asdict(count) for name, count in self.counts.items()}
        facts["operations"] = dict(sorted(self.operations.items()))
        begun = time.perf_counter()
        facts["teacher"] = self._asked()
        self.seconds["teacher"] = round(time.perf_counter() - begun, 2)
        self.work.facts |= {**facts, "seconds": self.seconds}
        for finding in (self._told(kept), *findings(self.counts)):
            self.work.reporter.finding(finding)

    def _told(self, kept: int) -> Finding:
        """Say in one sentence what was made, what was dropped and why."""
        total = Count(**{name: sum(getattr(count, name) for count in self.counts.values()) for name in asdict(Count())})
        sentence = (
            f"{kept:,} new texts for the teacher to answer, beside {len(self.train):,} training rows; of {total.made:,} made or read"
            f" {total.duplicates:,} were known, {total.leaks:,} equalled a held-out text and {total.empty:,} were empty"
        )
        return Finding("A200", "note", sentence, "an epoch is now longer: it goes through all of them")

    def _copier(self, stage: Augment, copies: int, origin: int) -> Copier:
        changes = [(term.name, term.weight, term.operation.open(self.corpus)) for term in stage.noise]
        return Copier(changes, copies, stage.at_once, stage.sides, (self.work.seed, origin))

    def _pass(self, name: str, rows: Rows, each: int, make: Callable[[int, int], Block]) -> None:
        """Put the texts of one origin through the sieve and into the file, block by block."""
        begun, count = time.perf_counter(), self.counts.setdefault(name, Count())
        with self.work.reporter.bar(f"making {name}", len(rows) * each, "rows") as bar:
            for start, stop in in_blocks(len(rows), BLOCK_ROWS):
                texts, pairs = make(start, stop)
                empty = np.array([not text.strip() for text in texts], dtype=bool)
                for place in np.flatnonzero(~self.sieve.admit(keys_of(texts, pairs), empty, count))[::-1]:
                    del texts[place]
                    if pairs is not None:
                        del pairs[place]
                self.writer.write(texts, pairs)
                bar.advance((stop - start) * each)
        self.seconds[name] = round(time.perf_counter() - begun, 2)

    def _asked(self) -> dict[str, Any] | None:
        from compactor.stages._confidence import teacher_confidence

        return teacher_confidence(self.work, self.writer.count)

    def _find(self, name: str) -> Path:
        from compactor.models import find_model

        return find_model(name, self.work.near, self.work.online)


def findings(counts: dict[str, Count]) -> Iterator[Finding]:
    """Yield what a person should know about what was dropped."""
    leaks = {name: count.leaks for name, count in counts.items() if count.leaks}
    if leaks:
        told = " and ".join(f"{number:,} of the {name}" for name, number in leaks.items())
        sentence = f"{told} equal a validation or test text but for case and spaces; they are dropped"
        hint = "nothing to do: no held-out text is trained on"
        if leaks.get("unlabelled"):
            hint = "if data.unlabelled was drawn from the same place as the test texts, near copies of these may be left in it"
        yield Finding("A201", "warning" if leaks.get("unlabelled") else "note", sentence, hint)
    for name, count in counts.items():
        if count.made and count.kept < FEW * count.made:
            sentence = f"{count.made - count.kept:,} of {count.made:,} {name} are not new or empty, and dropped"
            yield Finding(
                "A202", "note", sentence, "fewer copies give nearly the same rows; larger shares give more different ones"
            )
