"""Does a quantized model still choose the labels that it chose in fp32?"""

from __future__ import annotations

from collections.abc import Iterator

from compactor.base.finding import Finding
from compactor.checks.agreement import Agreement

EXPECTED = 0.95


def faithful(found: Agreement, *, place: str) -> Iterator[Finding]:
    """Yield a warning when fewer than 95 % of the labels are the same."""
    if found.top1 < EXPECTED:
        yield Finding(
            "Q109",
            "warning",
            f"the quantized model chooses the fp32 model's label on {found.top1:.1%} of {found.rows} validation rows "
            f"(cosine {found.cosine:.4f})",
            'name the last layers in keep, such as ["*classifier*", "*pooler*"], or try the other int8 method',
            place,
        )
