"""What has no layers is not cut inside: told before anything is trained."""

from __future__ import annotations

import pytest

from compactor.base.errors import ProfileError
from compactor.pipeline.profile import load_profile

HEAD = """
name: p
task: text-classification
target: host
data: {source: builtin:python-docstrings}
stages:
  - teacher: {config: {layers: 2}, train: {epochs: 1}}
"""


def codes(folder, *later):
    path = folder / "p.yaml"
    path.write_text(HEAD + "".join(f"  - {stage}\n" for stage in later))
    try:
        load_profile(path, check_files=False)
    except ProfileError as error:
        return [(problem.code, problem.place.line) for problem in error.problems]
    return []


@pytest.mark.parametrize("family", ["static", "conv"])
@pytest.mark.parametrize(
    ("later", "wanted"),
    [
        ("prune: {intermediate: 0.5}", ["P295"]),
        ("prune: {vocabulary: {keep: 900}, positions: 64}", ["P295"]),
        ("prune: {aim: {parameters: 5.0e+5}}", ["P295"]),
        ("prune: {vocabulary: {keep: 900}}", []),
        ("sparsify: {method: wanda}", ["P295"]),
    ],
)
def test_a_student_without_layers_is_cut_in_its_vocabulary_alone(tmp_path, family, later, wanted):
    assert codes(tmp_path, f"distill: {{student: {{family: {family}}}}}", later) == [(code, 9) for code in wanted]


@pytest.mark.parametrize("student", ["layers: 1", "family: auto", "family: transformer, layers: 1"])
def test_other_students_are_left_to_the_run(tmp_path, student):
    assert codes(tmp_path, f"distill: {{student: {{{student}}}}}", "prune: {intermediate: 0.5}", "sparsify") == []


def test_before_such_a_student_the_teacher_may_be_cut(tmp_path):
    assert codes(tmp_path, "prune: {intermediate: 0.5}", "distill: {student: {family: static}}") == []
