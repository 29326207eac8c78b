"""A quantize stage takes what export wrote; a graph that was fused or quantized before is refused with its line."""

from __future__ import annotations

import pytest

from compactor.base.errors import ProfileError
from compactor.pipeline.profile import load_profile

HEAD = """\
name: p
task: text-classification
target: server-gpu
data: {train: train.csv}
stages:
  - teacher: {model: ./model}
"""


@pytest.mark.parametrize(
    ("later", "wanted"),
    [
        (("export", "quantize: {method: fp16}", "package"), []),
        (("export", "quantize: {method: fp16}", "fuse", "package"), []),
        (("export", "fuse", "package"), []),
        (("export", "fuse", "quantize: {method: fp16}"), [("p.yaml:9:", "Q126")]),
        (
            ("export", "fuse", "quantize: {method: fp16}", "quantize: {method: fp16}"),
            [("p.yaml:9:", "Q126"), ("p.yaml:10:", "Q126")],
        ),
        (("export", "quantize: {method: fp16}", "fuse", "quantize: {method: fp16}"), [("p.yaml:10:", "Q102")]),
        (("export", "quantize: {method: fp16}", "quantize: {method: fp16}"), [("p.yaml:9:", "Q102")]),
    ],
)
def test_quantize_starts_from_the_plain_graph(later, wanted, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(HEAD + "".join(f"  - {stage}\n" for stage in later), encoding="utf-8")
    try:
        load_profile(path, check_files=False)
        told = []
    except ProfileError as error:
        told = [str(problem) for problem in error.problems]
    assert len(told) == len(wanted)
    for line, parts in zip(told, wanted, strict=True):
        assert all(part in line for part in parts)
