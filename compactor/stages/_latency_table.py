"""What a neuron and a head cost in milliseconds: one layer's quantized graph on the target at several widths.

A model's time is taken as that of its own graph, less what narrower layers save: for each layer and part the difference between
one-layer graphs of two widths, linear between the widths that were timed. The last layer has prices of its own: of a head that reads
the first piece alone it computes less (see `compactor.exporting.first_row`). After quantization a product of half the width does not take
half the time, and the graph's nodes take theirs however narrow they are; this is what the table knows and a count does not.
"""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.atomic import read_json, write_json
from compactor.base.environment import machine
from compactor.base.finding import Finding
from compactor.measuring.surroundings import surroundings
from compactor.models.counting import parameter_count
from compactor.models.families import describe, piece_table
from compactor.models.layers import keep_layers
from compactor.models.tokenizer import max_length, pad_id
from compactor.models.widths import layer_widths
from compactor.pruning.allocation import Limits, Price, block_of
from compactor.pruning.narrow import narrow
from compactor.pruning.vocabulary import cut_embeddings
from compactor.pruning.width import Part, units
from compactor.stages._inputs import tokenizer_hash
from compactor.stages._plain_graph import plain_graph
from compactor.stages._timing import Times, possible, take_times

if TYPE_CHECKING:
    from compactor.stages._aims import Aim
    from compactor.stages._pruning import Course

VERSION = 2
PLACE = "prune.aim"
POINTS = 5  # widths of each part that are timed
FEW_PIECES = 512  # rows of the piece table of one-layer graphs; what a width costs does not depend on it
SECONDS, SECONDS_AGAIN = 40.0, 15.0  # for the timed part in all
WHOLE = "whole"
# A part of one layer, its units, and whether it is timed as a model's last layer.
Graph = tuple[Part, int, bool]


class LatencyTable:
    """The times of one model's widths; made once for its shape, target and machine, and kept.

    Args:
        course: with the model as it is before the cut.
        aim: precision and parts.
        limits: the floor is the narrowest width that is timed.

    Attributes:
        price: of the model, in milliseconds of a text of real length.
        facts: `evidence` (`measured`, `proxy` or `estimated`), `machine`, `times_ms` by graph.

    Raises:
        StageError: K219, the target's times can neither be taken nor estimated here.
    """

    def __init__(self, course: Course, aim: Aim, limits: Limits) -> None:
        possible(course.work.target)  # said before any graph is made
        self.course, self.aim = course, aim
        widths = {
            part: points(counts, lowest, block_of(part, limits.round_to))
            for part, counts, lowest in _counts(course, aim, limits)
        }
        graphs = {
            _name(part, count, last): (part, count, last)
            for part, counts in widths.items()
            for count in counts
            for last in (False, True)
        }
        self._folder = course.work.derive("latency-table", self._identity(graphs), lambda folder: self._fill(folder, graphs))
        self.facts: dict[str, Any] = read_json(self._folder / "table.json")
        times = self.facts["times_ms"]
        parts = {
            part: _prices(counts, [place.count for place in units(course.model, part)], part, times)
            for part, counts in widths.items()
        }
        spent = sum(float(prices[-1]) for layers in parts.values() for prices in layers)
        self.price = Price("ms", times[WHOLE] - spent, parts)
        self._tell()

    def time_again(self) -> tuple[float, dict[str, Any]]:
        """Time the finished model against the model as it was, in turns; return its milliseconds, and what was found beside."""
        course = self.course
        with tempfile.TemporaryDirectory(dir=course.work.checkpoints, prefix=".timing.") as scratch:
            now = Path(scratch) / "now"
            plain_graph(course.model, course.tokenizer, course.work, self.aim.precision, now)
            folders = {"before": self._folder / WHOLE, "after": now}
            times = take_times(course.work, folders, course.tokenizer, Path(scratch) / "raw", seconds=SECONDS_AGAIN)
        return times.ms["after"], {"before_again": times.ms["before"], "evidence": times.evidence}

    def _fill(self, folder: Path, graphs: dict[str, Graph]) -> None:
        """Make the graphs in the folder and write their times; of the graphs the whole one stays."""
        course, precision = self.course, self.aim.precision
        course.work.reporter.say(f"timing one layer, inside a model and as its last, in {len(graphs)} graphs")
        plain_graph(course.model, course.tokenizer, course.work, precision, folder / WHOLE)
        with tempfile.TemporaryDirectory(dir=course.work.checkpoints, prefix=".layers.") as scratch:
            folders = {WHOLE: folder / WHOLE}
            for number, (name, (part, count, last)) in enumerate(graphs.items()):
                folders[name] = Path(scratch) / str(number)
                layer = one_layer(course.model, part, count, pad_id(course.tokenizer))
                plain_graph(layer, course.tokenizer, course.work, precision, folders[name], every_row=not last)
            times: Times = take_times(course.work, folders, course.tokenizer, folder / "raw", seconds=SECONDS)
        told = {"evidence": times.evidence, "reason": times.reason, "machine": machine()["cpu_model"], "times_ms": times.ms}
        write_json(folder / "table.json", told)

    def _identity(self, graphs: dict[str, Graph]) -> dict[str, Any]:
        """Return what the times depend on: shapes, not weights; target, machine and runtime, for times are never carried to another.

        The shape is also what the widths do not tell, such as a factorized table, and how long a text is: by pieces, up to a length.
        """
        model, work, reader = self.course.model, self.course.work, self.course.tokenizer
        encoder = describe(model)
        return {
            "family": model.config.model_type,
            "hidden": [encoder.hidden, encoder.parts[0].head_size],
            "layers": layer_widths(model),
            "pieces": piece_table(model).num_embeddings,
            "parameters": parameter_count(model)["total"],
            "reader": [tokenizer_hash(reader), max_length(reader)],
            "labels": len(work.data.labels),
            "rows": work.data.train.fingerprint,
            "graphs": sorted(graphs),
            "precision": self.aim.precision,
            "task": work.task.name,
            **surroundings(work.target),
            "version": VERSION,
        }

    def _tell(self) -> None:
        if self.facts["evidence"] == "estimated":
            target = self.course.work.target.name
            sentence = f"what a width costs on {target} is estimated, not timed: {self.facts['reason']}"
            hint = "the choice among layers holds better than the milliseconds; run on the target for its own times"
            self.course.work.reporter.finding(Finding("K906", "note", sentence, hint, PLACE))


def _counts(course: Course, aim: Aim, limits: Limits) -> list[tuple[Part, list[int], list[int]]]:
    return [(part, [place.count for place in units(course.model, part)], limits.lowest[part]) for part in aim.parts]


def _name(part: Part, count: int, last: bool) -> str:
    return f"{'last' if last else 'one'} layer, {part} {count}"


def _prices(widths: list[int], counts: list[int], part: Part, times: dict[str, float]) -> list[np.ndarray]:
    """Return, for each layer with so many units of a part, what `saved_ms` does; the last layer by its own times."""
    return [
        saved_ms(widths, [times[_name(part, width, number == len(counts) - 1)] for width in widths], count)
        for number, count in enumerate(counts)
    ]


def points(counts: list[int], lowest: list[int], block: int) -> list[int]:
    """Return the widths to time, ascending: the widest layer's, the lowest floor, and some between, in whole blocks."""
    most, least = max(counts), min(lowest)
    between = np.linspace(least, most, POINTS)[1:-1]
    return sorted({least, most, *(round(width / block) * block for width in between.tolist())} - {0})


def saved_ms(widths: list[int], ms: list[float], count: int) -> np.ndarray:
    """Return what 0 to `count` units take beyond the narrowest width that was timed, float64 (count + 1,).

    Args:
        widths: ascending.
        ms: of the graph at each; a wider one that was faster by noise counts as equal.
        count: units of the layer.
    """
    rising = np.maximum.accumulate(np.asarray(ms, dtype=np.float64))
    prices: np.ndarray = np.interp(np.arange(count + 1), widths, rising - rising[0])
    return prices


def one_layer(model: Any, part: Part, count: int, pad: int) -> Any:
    """Return a model of one layer, the widest in a part, cut to so many units of it, with a small piece table; the model is not changed."""
    alone = copy.deepcopy(model)
    places = units(alone, part)
    keep_layers(alone, [max(range(len(places)), key=lambda number: places[number].count)])
    if count < units(alone, part)[0].count:
        narrow(alone, {part: [np.arange(count)]})
    pieces = piece_table(alone).num_embeddings
    if pieces > max(FEW_PIECES, pad + 1):
        cut_embeddings(alone, np.arange(max(FEW_PIECES, pad + 1)))
    return alone
