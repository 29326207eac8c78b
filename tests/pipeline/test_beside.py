"""A cascade names an earlier step; its model goes through the chain's own export and quantize, and is made once."""

from __future__ import annotations

import pytest

from compactor.base.errors import ProfileError
from compactor.pipeline.plan import make_plan, plan_step
from compactor.pipeline.profile import load_profile
from compactor.pipeline.store import Store

HEAD = """
name: p
task: text-classification
target: host
data: {source: builtin:python-docstrings}
stages:
  - teacher: {config: {layers: 2}, train: {epochs: 1}}
"""


def written(folder, *later):
    path = folder / "p.yaml"
    path.write_text(HEAD + "".join(f"  - {stage}\n" for stage in later))
    return load_profile(path, check_files=False)


def codes(folder, *later):
    try:
        written(folder, *later)
    except ProfileError as error:
        return [problem.code for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (("distill", "export", "quantize", "cascade: {larger: teacher}", "package"), []),
        (("distill", "distill", "export", "cascade: {larger: distill}", "package"), []),
        (("distill", "export", "quantize", "cascade: {larger: export}", "package"), []),
        (("distill", "export", "cascade: {larger: techer}", "package"), ["P283"]),
        (("distill", "export", "cascade: {larger: package}", "package"), ["P283"]),
        (("distill", "export", "cascade", "package"), ["P284"]),
        (("distill: {exits: {}}", "export: {exits: true}", "quantize", "cascade", "package"), []),
        (("distill: {exits: {}}", "export: {exits: true}", "package"), ["P284"]),
        (("distill", "export: {exits: true}", "cascade", "package"), ["P284"]),
        (("distill: {exits: {}}", "prune: {layers: 1}", "export: {exits: true}", "cascade", "package"), ["P284"]),
        (("distill", "export", "cascade: {larger: teacher}", "quantize", "package"), ["P022"]),
    ],
)
def test_only_a_step_that_stands_before_and_can_answer_may_be_named(tmp_path, later, expected):
    assert codes(tmp_path, *later) == expected


def test_the_larger_model_is_made_as_the_control_makes_it(tmp_path):
    profile = written(tmp_path, "distill", "export", "quantize: {per_channel: false}", "cascade: {larger: teacher}", "package")
    store = Store(tmp_path / "store")
    plan = make_plan(profile, store, {})
    steps = {step.label: step for step in plan.steps}
    cascade = steps["cascade"]
    assert [step.label for step in cascade.beside] == ["teacher exported", "teacher quantized"]
    exported = plan_step(
        profile, store, {}, "teacher exported", "export", steps["export"].stage, steps["teacher"], steps["teacher"].key
    )
    assert cascade.beside[0].key == exported.key
    assert cascade.beside[1].sources["source"] == exported.key
    assert cascade.sources["larger"] == cascade.beside[1].key != steps["quantize"].key
    assert all(step.label != "teacher exported" for step in plan.steps)


def test_a_graph_is_taken_as_it_is(tmp_path):
    profile = written(tmp_path, "distill", "export", "quantize", "cascade: {larger: export}", "package")
    plan = make_plan(profile, Store(tmp_path / "store"), {})
    steps = {step.label: step for step in plan.steps}
    assert steps["cascade"].beside == ()
    assert steps["cascade"].sources["larger"] == steps["export"].key
