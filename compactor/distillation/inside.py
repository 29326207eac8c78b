"""What losses read inside a teacher, computed once for each row and kept on disk while a student learns, so that no step runs the teacher.

In float32, piece by piece without padding. It is what the teacher would give at every step, but for rounding: there a row shares its
batch with others than here. Only where every step sees the same pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import torch
from torch import Tensor

from compactor.base.arrays import new_array
from compactor.base.atomic import fresh_folder
from compactor.base.errors import StageError
from compactor.base.reporter import Reporter
from compactor.distillation.evaluate import answering, by_length
from compactor.distillation.recording import Recorder
from compactor.models.feeding import feed

if TYPE_CHECKING:
    from compactor.data import Encoded
    from compactor.distillation.losses import LossTerm, Shape

RELATIONS = ("query", "key", "value")
BATCH_ROWS = 32
# Rows after which the files are closed and opened again, so that what is written does not stay in memory.
BLOCK_ROWS = 2048


@dataclass(frozen=True)
class InsideParts:
    """What is read.

    Attributes:
        states: numbers of hidden states; 0 is the embeddings' output.
        layers: numbers, from 0, of the layers whose queries, keys and values are compared.
    """

    states: tuple[int, ...] = ()
    layers: tuple[int, ...] = ()

    @classmethod
    def of(cls, losses: Sequence[LossTerm], students: Sequence[Shape], teacher: Shape) -> InsideParts:
        """Return what these losses read of a teacher that teaches these students."""
        states, layers = set[int](), set[int]()
        for loss in (term.loss for term in losses):
            for student in students:
                states.update(loss.teacher_states(student, teacher))
                layers.update(taught for _, taught in loss.relation_layers(student, teacher))
        return cls(tuple(sorted(states)), tuple(sorted(layers)))

    def widths(self, teacher: Shape) -> dict[str, int]:
        """Return the files and how many numbers each keeps for a piece."""
        states = {f"state-{number}": teacher.hidden for number in self.states}
        return states | {f"{name}-{number}": teacher.inner[number] for number in self.layers for name in RELATIONS}


class TeacherInside:
    """A folder written by `write_inside`, memory-mapped.

    Args:
        folder: one file for each state, query, key and value.
        parts: what is there.
        teacher: shape of the model.
        encoded: the rows that it was written for.
    """

    def __init__(self, folder: Path, parts: InsideParts, teacher: Shape, encoded: Encoded) -> None:
        self._count = teacher.layers + 1
        self._states = {number: _open(folder, f"state-{number}") for number in parts.states}
        self._relations = {number: [_open(folder, f"{name}-{number}") for name in RELATIONS] for number in parts.layers}
        self._starts = _starts(encoded)

    def batch(self, rows: np.ndarray, mask: Tensor) -> tuple[Sequence[Tensor], Mapping[int, tuple[Tensor, Tensor, Tensor]]]:
        """Return hidden states by number and (query, key, value) by layer, float32 (rows, length, width), zero in padding.

        Args:
            rows: their numbers.
            mask: int64 (rows, length), 1 where a piece is; the tensors go to its device.
        """
        real = mask.cpu().numpy().astype(bool)
        places = _places(self._starts, rows, real)

        def padded(kept: np.ndarray) -> Tensor:
            values = np.zeros((*real.shape, kept.shape[1]), dtype=np.float32)
            values[real] = kept[places]
            return torch.from_numpy(values).to(mask.device)

        relations = {}
        for number, three in self._relations.items():
            query, key, value = (padded(kept) for kept in three)
            relations[number] = (query, key, value)
        return KeptStates({number: padded(kept) for number, kept in self._states.items()}, self._count), relations


class KeptStates(Sequence[Tensor]):
    """Hidden states by number, of which some are there; see `compactor.distillation.losses.Loss.teacher_states`."""

    def __init__(self, states: Mapping[int, Tensor], count: int) -> None:
        self._states, self._count = states, count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, number: int) -> Tensor: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[Tensor]: ...

    def __getitem__(self, number: int | slice) -> Tensor | Sequence[Tensor]:
        """Return one state.

        Raises:
            StageError: L143 the loss that asks did not say that it reads this one.
        """
        if isinstance(number, slice):
            return [self[each] for each in range(len(self))[number]]
        number = number % self._count
        if number not in self._states:
            sentence = f"a loss reads hidden state {number} of the teacher, and only {sorted(self._states)} are named"
            raise StageError("L143", sentence, "let its teacher_states name all that it reads, counted from 0")
        return self._states[number]


def write_inside(
    model: Any, encoded: Encoded, folder: Path, parts: InsideParts, teacher: Shape, *, threads: int, reporter: Reporter
) -> None:
    """Run a teacher over all rows and keep what is read of it; memory does not grow with the rows.

    Args:
        model: put into `eval()`; on a GPU when there is one, and back where it was afterwards.
        encoded: the rows, padded on the right.
        folder: made whole or not at all.
        parts: what is kept.
        teacher: shape of the model.
        threads: cores that torch may use.
        reporter: gets a bar.
    """
    pieces, starts, widths = int(np.sum(encoded.lengths)), _starts(encoded), parts.widths(teacher)
    with (
        answering(model, threads) as device,
        fresh_folder(folder) as scratch,
        reporter.bar("looking inside the teacher", len(encoded), "rows") as bar,
    ):
        for name, width in widths.items():
            new_array(_file(scratch, name), (pieces, width))
        for number, rows in enumerate(by_length(np.asarray(encoded.lengths), BATCH_ROWS, BLOCK_ROWS)):
            if number % (BLOCK_ROWS // BATCH_ROWS) == 0:
                files = {name: np.load(_file(scratch, name), mmap_mode="r+") for name in widths}
            batch = encoded.batch(rows)
            real = batch["attention_mask"].astype(bool)
            for name, values in _look(model, feed(model, batch, device), parts):
                files[name][_places(starts, rows, real)] = values.float().cpu().numpy()[real]
            bar.advance(len(rows))


def _look(model: Any, inputs: Mapping[str, Tensor], parts: InsideParts) -> Iterator[tuple[str, Tensor]]:
    """Yield what is kept of one batch, (rows, length, width), by the name of its file."""
    with torch.inference_mode(), Recorder(model, parts.layers) as recorder:
        states = model(**inputs, output_hidden_states=bool(parts.states)).hidden_states
    for number in parts.states:
        yield f"state-{number}", states[number]
    for number, three in recorder.relations().items():
        yield from ((f"{name}-{number}", values) for name, values in zip(RELATIONS, three, strict=True))


def _starts(encoded: Encoded) -> np.ndarray:
    """Return where each row's pieces begin, int64 (rows,)."""
    starts: np.ndarray = np.concatenate([[0], np.cumsum(encoded.lengths)[:-1]])
    return starts


def _places(starts: np.ndarray, rows: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Return where the pieces of some rows lie in a file, int64 (pieces,); `real` is bool (rows, length), padding on the right."""
    places: np.ndarray = (starts[rows, None] + np.arange(real.shape[1])[None, :])[real]
    return places


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.npy"


def _open(folder: Path, name: str) -> np.ndarray:
    kept: np.ndarray = np.load(_file(folder, name), mmap_mode="r")
    return kept
