"""Does quantize start from the plain fp32 graph that an export wrote?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compactor.base.errors import Problem
from compactor.pipeline.steps import Step


def plain_graph_problems(steps: Sequence[Step]) -> Iterator[Problem]:
    """Yield each quantize stage whose graph a stage between it and the export has fused or quantized already."""
    changed = ""
    for step in steps:
        if step.stage.gives != "onnx" or step.name == "export":
            changed = ""
        elif step.name == "quantize" and changed == "fuse":
            sentence = (
                "quantize takes a graph of ONNX's own operators, and the fuse stage before it puts onnxruntime's in their place"
            )
            yield Problem("Q126", sentence, "leave fuse out, or put it after quantize: {method: fp16}", step.place)
        elif step.name == "quantize" and changed == "quantize":
            yield Problem(
                "Q102", "quantize takes fp32, and a quantize stage stands before it", "keep one of the two", step.place
            )
        if step.name in {"fuse", "quantize"}:
            changed = changed or step.name
