"""Did fewer bits make a smaller file, and if not, what does it hold?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from compactor.base.finding import Finding

WORTHWHILE = 0.9  # below this share of the size the step has done something


def smaller(before_bytes: int, after_bytes: int, *, place: str, model: Path | None = None) -> Iterator[Finding]:
    """Yield a warning when a model file is hardly smaller than the one it was made from, or larger.

    Args:
        before_bytes: of the file before.
        after_bytes: and after.
        place: for the finding.
        model: the file after, to tell what it holds; None leaves that out.
    """
    share = after_bytes / max(1, before_bytes)
    if share <= WORTHWHILE:
        return
    how = "larger" if share > 1 else "hardly smaller"
    held = f", of which {holds(model)}" if model is not None else ""
    yield Finding(
        "Q104",
        "warning",
        f"the quantized model is {how} than the fp32 one: {after_bytes:,} bytes after {before_bytes:,}{held}",
        "leave quantize out, or quantize the embeddings too; a model this small is mostly graph",
        place,
    )


def holds(model: Path) -> str:
    """Say how many bytes of an ONNX file are float weights, weights in fewer bits, and nodes with their names."""
    import onnx
    from onnx import TensorProto

    graph = onnx.load(str(model))
    sizes = {True: 0, False: 0}
    for tensor in graph.graph.initializer:
        is_float = tensor.data_type in {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16}
        sizes[is_float] += tensor.ByteSize()
    rest = model.stat().st_size - sum(sizes.values())
    return f"{sizes[True]:,} are float weights, {sizes[False]:,} weights in fewer bits, {rest:,} nodes and their names"
