"""Early exits of a graph against PyTorch's, on validation rows in the shapes of the parity gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compactor.base.errors import StageError

if TYPE_CHECKING:
    from compactor.base.artifact import Artifact
    from compactor.stages._contract import Work


def check_exits(source: Artifact, work: Work) -> None:
    """Compare each exit's output of `model.onnx` with the torch model's; keep the figures, end the stage if they are wrong."""
    import numpy as np

    from compactor.base.atomic import read_json
    from compactor.checks.agreement import agreement
    from compactor.checks.answers import onnx_answer
    from compactor.checks.parity import parity, shapes
    from compactor.exporting.exits import read_exits, torch_exits
    from compactor.models import load
    from compactor.stages._inputs import encoded

    interface = read_json(work.folder / "interface.json")
    rows = encoded(work, work.folder, "validation")
    batches = list(shapes(rows, longest=interface["max_length"], pad_id=interface["pad_id"]))
    for name, torch in torch_exits(load(source.folder, work.task), read_exits(source.folder)).items():
        onnx = onnx_answer(work.folder / "model.onnx", threads=work.threads, output=name)
        reference, candidate = (np.concatenate([answer(batch) for batch in batches]) for answer in (torch, onnx))
        found = agreement(reference, candidate, work.task.same)
        work.facts.setdefault("parity_of_exits", {})[name] = found.as_dict()
        for finding in parity(found, place=f"model.onnx, {name}"):
            raise StageError(finding.code, finding.sentence, finding.hint)
