"""A training that rounds must round as the quantize stage after it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from compactor.base.errors import ProfileError
from compactor.pipeline.profile import load_profile

RECENT = Path(__file__).parents[2] / "profiles/methods/targets/recent.yml"
PROFILE = """\
name: aware
task: text-classification
target: {target}
data: {{train: train.csv, label: category}}
stages:
  - teacher: {{model: ./model}}
  - distill:
      train: {{quantization_aware: {aware}}}
  - export
  - quantize: {quantize}
"""


@pytest.mark.parametrize(
    ("target", "aware", "quantize", "wanted"),
    [
        ("laptop-cpu", "{}", "{}", []),
        ("laptop-cpu", "{keep: ['*classifier*']}", "{keep: ['*classifier*']}", []),
        ("laptop-cpu", "{}", "{keep: auto}", []),
        ("laptop-cpu-no-vnni", "{reduce_range: true}", "{}", []),
        ("laptop-cpu-no-vnni", "{}", "{}", ["reduce_range is False (set it to true"]),
        ("laptop-cpu", "{}", "{method: static-int8}", ["method is 'dynamic-int8' (leave quantization_aware out"]),
        ("laptop-cpu", "{}", "{per_channel: false, embeddings: false}", ["per_channel is True", "embeddings is True"]),
        (RECENT, "{embeddings: false}", "{table_bits: 4}", []),
        (RECENT, "{}", "{table_bits: 4}", ["embeddings is True (set it to false"]),
        ("laptop-cpu", "{keep: ['*classifier*']}", "{}", ["keep is ('*classifier*',) (set it to []"]),
    ],
)
def test_disagreement_is_told_with_its_line(target, aware, quantize, wanted, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(PROFILE.format(target=target, aware=aware, quantize=quantize), encoding="utf-8")
    if not wanted:
        load_profile(path, check_files=False)
        return
    with pytest.raises(ProfileError) as caught:
        load_profile(path, check_files=False)
    told = [str(problem) for problem in caught.value.problems]
    assert len(told) == len(wanted)
    for line, part in zip(told, wanted, strict=True):
        assert "p.yaml:8:" in line
        assert "Q122" in line
        assert part in line
