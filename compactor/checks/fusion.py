"""Did onnxruntime's optimizer find the attention of a graph, and does fusing gain time?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from compactor.base.finding import Finding


def nothing_fused(attention: int, fused: Mapping[str, int], *, place: str) -> Iterator[Finding]:
    """Yield a warning when no attention became one node.

    Args:
        attention: how many did.
        fused: all nodes that fusion made, by operator.
        place: for the finding.
    """
    if attention == 0:
        others = ", ".join(f"{count} {name}" for name, count in fused.items()) or "nothing at all"
        sentence = f"onnxruntime's optimizer recognised no attention in the graph ({others} instead)"
        hint = (
            "fuse what export wrote with backend: torchscript, in fp32, or in fp16 after quantize; of int8 graphs, vision "
            "transformers and decoders it knows none"
        )
        yield Finding("X140", "warning", sentence, hint, place)


def fusing_slows(times: float, interval: tuple[float, float], *, place: str) -> Iterator[Finding]:
    """Yield a finding when the fused graph is not faster than the plain one, which then is kept.

    Args:
        times: how many times longer the fused graph takes.
        interval: 95 %, of one interleaved measurement.
        place: for the finding.
    """
    if interval[1] >= 1:
        low, high = interval
        certain = low > 1
        how = "slower" if certain else "not certainly faster"
        sentence = (
            f"the fused graph is {how}: it takes {times:.2f} times as long [{low:.2f}, {high:.2f}]; the plain one is kept"
        )
        yield Finding("X141", "warning" if certain else "note", sentence, "leave the fuse stage out on this target", place)


def fusing_unmeasured(reason: str, *, place: str) -> Iterator[Finding]:
    """Yield a note that fusion could not be timed for the target here, so that the plain graph is kept."""
    sentence = f"whether fusing gains time is not measured: {reason}; the plain graph is kept"
    yield Finding("X142", "note", sentence, "run on a machine with the target's provider, or set choose: always", place)
