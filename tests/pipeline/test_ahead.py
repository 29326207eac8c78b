"""A ladder of students is made again when the budget or what carries its model to the bundle changes; nothing else is."""

from __future__ import annotations

from pathlib import Path

from compactor.pipeline.ahead import ahead_of
from compactor.pipeline.plan import plan_step
from compactor.pipeline.profile import load_profile
from compactor.pipeline.store import Store

HEAD = """
name: p
task: text-classification
target: host
budget: {{accuracy_drop: {drop}}}
data: {{source: builtin:python-docstrings}}
stages:
  - teacher: {{config: {{layers: 2}}, train: {{epochs: 1}}}}
  - distill: {{student: {student}}}
"""


def written(folder: Path, *later: str, drop: float = 0.02, student: str = "{family: auto}"):
    path = folder / "p.yaml"
    path.write_text(HEAD.format(drop=drop, student=student) + "".join(f"  - {stage}\n" for stage in later))
    return load_profile(path, check_files=False)


def key(folder: Path, profile) -> str:
    step = next(step for step in profile.steps if step.label == "distill")
    return plan_step(profile, Store(folder / "store"), {}, step.label, step.name, step.stage, None, "").key


def test_what_follows_is_export_and_quantize_up_to_the_bundle(tmp_path):
    ahead = ahead_of(written(tmp_path, "export", "quantize: {per_channel: false}", "package"), "distill")
    assert [name for name, _ in ahead.stages] == ["export", "quantize"]
    assert ahead.limits == {"accuracy_drop": 0.02}


def test_what_a_later_training_makes_of_a_model_is_not_foretold(tmp_path):
    assert ahead_of(written(tmp_path, "prune: {layers: 1}", "export"), "distill").stages == ()
    assert ahead_of(written(tmp_path, "export"), "labels only").stages == ()


def test_budget_and_following_stages_are_part_of_a_ladders_key_alone(tmp_path):
    chain = ("export", "quantize", "package")
    first = key(tmp_path, written(tmp_path, *chain))
    assert key(tmp_path, written(tmp_path, *chain)) == first
    assert key(tmp_path, written(tmp_path, *chain, drop=0.05)) != first
    assert key(tmp_path, written(tmp_path, "export", "quantize: {per_channel: false}", "package")) != first
    one = {"student": "{layers: 1}"}
    assert key(tmp_path, written(tmp_path, *chain, **one)) == key(tmp_path, written(tmp_path, "export", drop=0.05, **one))
