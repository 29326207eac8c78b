"""From a torch model to an ONNX graph that answers the same, proved on real rows in several shapes."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from compactor.base.artifact import Artifact
from compactor.base.errors import MissingError, Problem, StageError
from compactor.base.settings import setting
from compactor.stages._contract import Stage, Work
from compactor.stages._exit_parity import check_exits

if TYPE_CHECKING:
    from compactor.targets import Target
    from compactor.tasks import Task

# First onnxruntime that loads an opset (its table of compatible versions).
OPSET_SINCE = {14: (1, 8), 15: (1, 10), 16: (1, 11), 17: (1, 12), 18: (1, 14), 19: (1, 15), 20: (1, 17), 21: (1, 18)}
BACKEND_OPSETS = {"torchscript": (14, 20), "dynamo": (18, 21), "optimum": (14, 20)}


class Export(Stage):
    """Write the model as one ONNX file in fp32, and refuse it if it does not answer as the torch model does."""

    takes: ClassVar[frozenset[str]] = frozenset({"torch"})
    gives: ClassVar[str] = "onnx"
    version: ClassVar[int] = 2
    uses_target: ClassVar[bool] = True

    backend: Literal["torchscript", "dynamo", "optimum"] = setting(
        "torchscript",
        "torch's exporters: torchscript (seconds; fuses best), or dynamo (standard operators only; ten times slower); or optimum, which "
        "lives in an environment of its own (COMPACTOR_OPTIMUM_PYTHON)",
    )
    opset: int | None = setting(
        None, "version of the ONNX operators; by default what the target's oldest runtime loads", ge=14, le=21
    )

    exits: bool = setting(
        False,
        "write the early exits that distill trained as further outputs; a cascade stage then makes the graph stop at them",
    )

    def problems(self, *, task: Task, target: Target) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
        """Yield what is wrong with these settings."""
        del task
        opset = self.opset_for(target)
        where = ("opset",) if self.opset is not None else ("backend",)
        oldest, newest = BACKEND_OPSETS[self.backend]
        if not oldest <= opset <= newest:
            other = "dynamo" if self.backend == "torchscript" else "torchscript"
            sentence = f"the {self.backend} exporter writes opset {oldest} to {newest}, not {opset}"
            yield where, Problem("X101", sentence, f"use backend: {other}, or another opset")
        if _version(target.oldest_onnxruntime) < OPSET_SINCE[opset]:
            since = ".".join(str(part) for part in OPSET_SINCE[opset])
            sentence = f"opset {opset} needs onnxruntime {since}, and {target.name} may have {target.oldest_onnxruntime}"
            yield where, Problem("X101", sentence, f"leave opset out, or raise the target's oldest_onnxruntime to {since}")
        if self.exits and self.backend == "optimum":
            sentence = "Optimum exports models as transformers has them, without the early exits that distill trained"
            yield ("exits",), Problem("X147", sentence, "use backend: torchscript, or leave exits out")

    def file_problems(self, near: tuple[Path, ...]) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
        """Yield that what the backend needs is not to be found, before anything is trained for it."""
        del near
        if self.backend == "dynamo" and find_spec("onnxscript") is None:
            sentence = "backend: dynamo needs the package onnxscript, which is not installed here"
            yield ("backend",), Problem("X148", sentence, 'pip install "compactor[toolchain]", or use backend: torchscript')
        if self.backend == "optimum":
            from compactor.exporting.optimum_python import optimum_python

            try:
                optimum_python()
            except MissingError as error:
                yield ("backend",), error.problem

    def opset_for(self, target: Target) -> int:
        """Return the opset to write: the profile's, or the target's; for dynamo, which starts at 18, the newest up to 20 that loads."""
        if self.opset is not None:
            return self.opset
        if self.backend != "dynamo":
            return target.opset
        return 20 if _version(target.oldest_onnxruntime) >= OPSET_SINCE[20] else 18

    def run(self, source: Artifact | None, work: Work) -> None:
        """Fill `work.folder` with an ONNX folder."""
        from compactor.exporting import export_onnx

        assert source is not None
        opset = self.opset_for(work.target)
        work.facts["export"] = export_onnx(
            source.folder,
            work.folder,
            task=work.task,
            pair=work.data.pair,
            opset=opset,
            backend=self.backend,
            exits=self.exits,
            every_row=work.target.every_row,
        )
        _check_parity(source, work)
        if self.exits:
            check_exits(source, work)


def _check_parity(source: Artifact, work: Work) -> None:
    """Compare the graph with the torch model on validation rows; keep the figures, end the stage if they are wrong."""
    import numpy as np

    from compactor.base.atomic import read_json
    from compactor.checks.agreement import agreement
    from compactor.checks.answers import onnx_answer, torch_answer
    from compactor.checks.finite import finite
    from compactor.checks.parity import TOLERANCE, image_batches, parity, shapes
    from compactor.models import load
    from compactor.stages._inputs import encoded

    interface = read_json(work.folder / "interface.json")
    rows = encoded(work, work.folder, "validation")
    torch, onnx = torch_answer(load(source.folder, work.task)), onnx_answer(work.folder / "model.onnx", threads=work.threads)
    reference, candidate, tried = [], [], []
    batches = (
        image_batches(rows)
        if interface.get("image")
        else shapes(rows, longest=interface["max_length"], pad_id=interface["pad_id"])
    )
    for batch in batches:
        reference.append(torch(batch))
        candidate.append(onnx(batch))
        tried.append(list(batch[next(iter(interface["inputs"]))].shape))
    for logits, place in ((reference, "the torch model"), (candidate, "model.onnx")):
        for finding in finite(np.concatenate(logits), place=place):
            raise StageError(finding.code, f"{place}: {finding.sentence}", finding.hint)
    found = agreement(np.concatenate(reference), np.concatenate(candidate), work.task.same)
    work.facts["parity"] = {**found.as_dict(), "tolerance": TOLERANCE, "shapes": tried}
    for finding in parity(found, place="model.onnx"):
        raise StageError(finding.code, finding.sentence, finding.hint)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])
