"""Did fewer bits make a smaller file?"""

from __future__ import annotations

from collections.abc import Iterator

from compactor.base.finding import Finding

WORTHWHILE = 0.9  # below this share of the size the step has done something


def smaller(before_bytes: int, after_bytes: int, *, place: str) -> Iterator[Finding]:
    """Yield a warning when a model file is hardly smaller than the one it was made from, or larger."""
    share = after_bytes / max(1, before_bytes)
    if share <= WORTHWHILE:
        return
    how = "larger" if share > 1 else "hardly smaller"
    yield Finding(
        "Q104",
        "warning",
        f"the quantized model is {how} than the fp32 one: {after_bytes:,} bytes after {before_bytes:,}",
        "leave quantize out, or quantize the embeddings too; a model this small is mostly graph",
        place,
    )
