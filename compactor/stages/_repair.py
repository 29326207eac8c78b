"""When a quantized model loses too much on validation rows: which nodes to leave in float, and which other settings to try."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.errors import StageError
from compactor.base.finding import Finding
from compactor.stages._quantizing import COMPARED_ROWS, quantized

if TYPE_CHECKING:
    import numpy as np

    from compactor.stages._contract import Work
    from compactor.stages.quantize import Quantize

PLACE = "model.onnx"
SENSITIVE = "sensitive nodes in float"


@dataclass(frozen=True)
class Try:
    """One quantized model: what was changed, where it lies, the facts of its making, its drop on validation and its size."""

    name: str
    folder: Path
    facts: dict[str, Any]
    drop: float
    size_bytes: int
    met: bool

    def row(self) -> dict[str, Any]:
        """Return the JSON form for an artifact's facts."""
        kept = len(self.facts.get("kept_nodes", ()))
        figures = {"method": self.facts["method"], "drop": round(self.drop, 6), "size_bytes": self.size_bytes}
        return {"name": self.name, **figures, "kept_nodes": kept, "met": self.met}


class Bench:
    """Quantizes into numbered folders and measures each on the validation rows, given alone and unpadded.

    The drop is that of the task's main figure against the fp32 graph. Folders lie in `work.checkpoints`, which the pipeline drops.
    """

    def __init__(self, settings: Quantize, source: Path, work: Work) -> None:
        from compactor.stages._inputs import encoded

        self.settings, self.source, self.work = settings, source, work
        self._rows = encoded(work, source, "validation")
        self._place, self._count = work.checkpoints / "tries", 0
        shutil.rmtree(self._place, ignore_errors=True)
        self._reference = self._value(source)

    def attempt(self, name: str, settings: Quantize, keep: Sequence[str]) -> Try:
        """Quantize with some settings, and measure."""
        folder = self.folder()
        facts = quantized(settings, self.source, folder, self.work, keep)
        drop = self._reference - self._value(folder)
        met = drop <= self.settings.max_drop
        self.work.reporter.say(f"{name}: {drop:+.4f} below fp32 on validation{', within max_drop' if met else ''}")
        return Try(name, folder, facts, drop, (folder / "model.onnx").stat().st_size, met)

    def folder(self) -> Path:
        """Return a folder that is not there yet."""
        self._count += 1
        return self._place / str(self._count)

    def logits(self, folder: Path) -> np.ndarray:
        """Return the answers to some rows of all lengths."""
        from compactor.checks.answers import answer_one_by_one, onnx_answer, spread

        answer = onnx_answer(folder / "model.onnx", threads=self.work.threads)
        return answer_one_by_one(answer, self._rows, spread(self._rows, COMPARED_ROWS))

    def _value(self, folder: Path) -> float:
        import numpy as np

        from compactor.checks.answers import onnx_answer

        answer, rows = onnx_answer(folder / "model.onnx", threads=self.work.threads), self._rows
        answers: np.ndarray | None = None
        for row in range(len(rows)):
            index = np.array([row])
            given = answer(rows.batch(index))
            given = rows.gather(given[None] if self.work.task.label_kind == "tags" else given, index)
            if answers is None:
                answers = np.zeros((rows.answers, given.shape[-1]), dtype=np.float32)
            answers[rows.answer_rows(index)] = given
        assert answers is not None
        return self.work.task.value(answers, rows.labels, names=self.work.data.labels)


def kept_by_need(bench: Bench, settings: Quantize, keep: Sequence[str], first: Try | None = None) -> Try:
    """Return the model with the fewest nodes in float, those that cost most for their size, that is within `max_drop`.

    If none is, the one that lost least. Nothing is scanned when the model with all nodes quantized (`first`, where it was made
    already) is within the budget.
    """
    from compactor.quantization.sensitivity import fewest

    whole = first or bench.attempt("all nodes quantized", settings, keep)
    if whole.met:
        return whole
    costs = _scan(bench, settings, keep)
    ranked = sorted(costs, key=lambda cost: -cost.per_parameter)
    tries: dict[int, Try] = {0: whole}

    def meets(count: int) -> bool:
        names = [cost.node for cost in ranked[:count]]
        tries[count] = bench.attempt(f"{count} of {len(ranked)} nodes in float", settings, [*keep, *names])
        return tries[count].met

    count = fewest(len(ranked) - 1, meets)
    best = tries[count] if count else min(tries.values(), key=lambda each: (each.drop, each.size_bytes))
    for other in tries.values():
        if other is not best and other is not first:
            shutil.rmtree(other.folder)
    _tell_kept(bench, whole, best)
    table = [
        {"node": cost.node, "parameters": cost.parameters, "divergence": float(f"{cost.divergence:.3g}")} for cost in ranked
    ]
    return replace(best, facts={**best.facts, "sensitivity": table})


def _scan(bench: Bench, settings: Quantize, keep: Sequence[str]) -> list[Any]:
    """Measure each node: quantized alone, all others in float."""
    from compactor.quantization.sensitivity import Cost, candidates, divergence

    split = settings.method != "static-int8"
    if settings.method == "int4":  # the order is much the same without calibration, and a node costs no pass over rows
        settings = settings.model_copy(update={"weights": settings.weights.model_copy(update={"algorithm": "rtn"})})
    nodes = candidates(bench.source, gemms_are_split=split, embeddings=settings.embeddings, keep=keep)
    reference, probabilities = bench.logits(bench.source), bench.work.task.label_kind in {"class", "tags"}
    costs = []
    with bench.work.reporter.bar("measuring", len(nodes), "nodes") as bar:
        for node in nodes:
            folder, others = bench.folder(), [other.node for other in nodes if other is not node]
            quantized(settings, bench.source, folder, bench.work, [*keep, *others])
            moved = divergence(reference, bench.logits(folder), probabilities=probabilities)
            costs.append(Cost(node.node, node.parameters, moved))
            shutil.rmtree(folder)
            bar.advance()
    return costs


def _tell_kept(bench: Bench, whole: Try, best: Try) -> None:
    more = [name for name in best.facts["kept_nodes"] if name not in whole.facts["kept_nodes"]]
    if not more:
        return
    sentence = (
        f"{len(more)} nodes stay in float, {', '.join(more[:3])}{' ...' if len(more) > 3 else ''}: the drop on validation is "
        f"{best.drop:.4f} instead of {whole.drop:.4f}, the file {best.size_bytes - whole.size_bytes:,} bytes larger"
    )
    bench.work.reporter.finding(Finding("Q112", "note", sentence, "allow a larger max_drop for a smaller file", PLACE))


def repaired(bench: Bench, keep: Sequence[str]) -> tuple[Try, list[Try]]:
    """Climb the ladder of settings until one is within `max_drop`; return the best one and all tries.

    The first that is within the budget is the best one; if none is, the one that lost least.
    """
    settings = bench.settings
    tries = [bench.attempt("as set", settings, keep)]
    for name, other in _rungs(settings, bench.work):
        if tries[-1].met:
            break
        try:
            if name == SENSITIVE:
                before = next((each for each in reversed(tries) if each.facts["method"] == other.method), None)
                tries.append(replace(kept_by_need(bench, other, keep, before), name=name))
            else:
                tries.append(bench.attempt(name, other, keep if other.method != "fp16" else ()))
        except StageError as error:  # such as a pattern of `keep` that fits the nodes of one method only
            bench.work.reporter.say(f"{name}: not possible, {error.problem.sentence}")
    return min(tries, key=lambda each: (not each.met, each.drop, each.size_bytes)), tries


def _rungs(settings: Quantize, work: Work) -> Iterator[tuple[str, Quantize]]:
    """Yield what to try next, the cheapest repair first, as far as the target has kernels for it."""
    if settings.method in {"fp16", "bf16"}:
        return
    if not settings.per_channel:
        settings = settings.model_copy(update={"per_channel": True})
        yield "a scale for each column", settings
    yield SENSITIVE, settings
    if settings.method in {"int4", "nf4", "fp4"} and "int8" in work.target.precisions:
        yield "8 bits", settings.model_copy(update={"method": "dynamic-int8"})
    if settings.method != "static-int8" and "int8" in work.target.precisions:
        yield "static ranges", settings.model_copy(update={"method": "static-int8"})
    if "fp16" in work.target.precisions:
        yield "half precision", settings.model_copy(update={"method": "fp16"})


def tell_tries(work: Work, best: Try, tries: Sequence[Try], budget: float) -> None:
    """Report what was tried, and whether it was enough."""
    if len(tries) == 1 and best.met:
        return
    told = "; ".join(f"{each.name} {each.drop:+.4f}, {each.size_bytes:,} bytes" for each in tries)
    hint = "see `tries` and `sensitivity` in the stage's facts"
    work.reporter.finding(Finding("Q113", "note", f"quantize tried ({told}) and took: {best.name}", hint, PLACE))
    tell_missed(work, best, budget)


def tell_missed(work: Work, best: Try, budget: float) -> None:
    """Warn when the model that is left is outside the budget."""
    if not best.met:
        sentence = f"no setting kept the drop on validation within max_drop {budget:g}; the best one loses {best.drop:.4f}"
        work.reporter.finding(Finding("Q114", "warning", sentence, "allow more with max_drop, or leave quantize out", PLACE))


def settle(best: Try, work: Work) -> None:
    """Put the chosen model where the stage leaves its result, and remove the others."""
    for path in sorted(best.folder.iterdir()):
        shutil.move(path, work.folder / path.name)
    shutil.rmtree(best.folder.parent, ignore_errors=True)
