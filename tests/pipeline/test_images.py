"""Settings that mean nothing for images, and images where texts are wanted, are refused with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from compactor.base.errors import ProfileError
from compactor.pipeline.profile import load_profile
from tests.data.images import write_folder

VIT = "{family: vit, image_size: 8, patch: 2, layers: 2, hidden: 16, heads: 2}"
TRAIN = "train: {epochs: 1}"


def refused(path: Path, *, task: str = "image-classification", data: str = "source: builtin:digits", stages: str) -> list[str]:
    path.write_text(f"name: p\ntask: {task}\ntarget: host\ndata: {{{data}}}\nstages: [{stages}]\n", encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    assert all(problem.place is not None and problem.hint for problem in caught.value.problems)
    return [f"{problem.code}: {problem.sentence}" for problem in caught.value.problems]


TEACHER = f"{{teacher: {{config: {VIT}, {TRAIN}}}}}"


@pytest.mark.parametrize(
    ("teacher", "said"),
    [
        ("config: {layers: 2}", "P293: image-classification has images, and family is bert"),
        ("config: {family: vit}", "P293: a vit needs image_size and patch"),
        ("config: {family: vit, image_size: 9, patch: 2}", "P293: patches of 2 do not divide"),
        ("config: {family: vit, image_size: 8, patch: 2, vocabulary: 300}", "P292: vocabulary is for texts"),
        (f"config: {VIT}, max_length: 64", "P292: max_length cuts texts"),
        (f"config: {VIT}, linear_teacher: {{}}", "P292: linear_teacher reads n-grams"),
    ],
)
def test_teachers_of_texts(teacher, said, tmp_path):
    assert any(said in problem for problem in refused(tmp_path / "p.yaml", stages=f"{{teacher: {{{teacher}, {TRAIN}}}}}"))


def test_a_teacher_of_images_is_none_of_texts(tmp_path):
    found = refused(tmp_path / "p.yaml", task="text-classification", data="source: builtin:python-docstrings", stages=TEACHER)
    assert any("P293: text-classification has texts, and family is vit" in problem for problem in found)


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("distill: {student: {vocabulary: 100}}", "P294: vocabulary cuts pieces"),
        ("distill: {student: {embedding: 8}}", "P294: embedding factorizes"),
        ("distill: {student: {init: pca}}", "P294: init: pca"),
        ("distill: {student: {config: {model_type: vit}}}", "P294: config"),
        ("distill: {student: {family: static}}", "P262"),
        ("distill: {train: {piece_dropout: 0.1}}", "P292: piece_dropout hides pieces"),
        ("prune: {vocabulary: 100}", "P292: vocabulary"),
        ("prune: {hidden: 0.5}", "P292: hidden narrows"),
        ("prune: {layers: 1, recover: {piece_dropout: 0.1}}", "P292: piece_dropout"),
        ("augment: {copies: 2}", "image-classification"),
    ],
)
def test_stages_of_texts(stage, said, tmp_path):
    assert any(said in problem for problem in refused(tmp_path / "p.yaml", stages=f"{TEACHER}, {{{stage}}}"))


@pytest.mark.parametrize(
    ("task", "data", "said"),
    [
        ("text-classification", "source: builtin:digits", "P291: builtin:digits has images"),
        ("image-classification", "source: builtin:python-docstrings", "P291: builtin:python-docstrings has texts"),
        ("text-classification", "train: rows.csv, image: text", "P291: data.image names a column of paths"),
        ("image-classification", "train: pictures, text: caption", "P291: data.text"),
        ("image-classification", "train: rows.csv", "P290: data.train: rows.csv has no images"),
        ("text-classification", "train: pictures", "P290: data.train: pictures has images"),
        ("image-classification", "train: rows.csv, image: path", "P041: rows.csv has no column 'path'"),
        ("image-classification", "train: pictures, text_pair: other", "P029"),
    ],
)
def test_data_of_the_other_kind(task, data, said, tmp_path):
    write_folder(tmp_path / "pictures", 1)
    (tmp_path / "rows.csv").write_text("text,label\na,b\n")
    found = refused(tmp_path / "p.yaml", task=task, data=data, stages="{teacher: {model: org/name, train: {epochs: 1}}}")
    assert any(problem.startswith(said) for problem in found), found


def test_a_table_with_a_column_of_paths_passes(tmp_path):
    (tmp_path / "rows.csv").write_text("path,label\na.png,b\n")
    path = tmp_path / "p.yaml"
    path.write_text(
        "name: p\ntask: image-classification\ntarget: host\ndata: {train: rows.csv, image: path}\n"
        f"stages: [{{teacher: {{config: {VIT}, train: {{epochs: 1}}}}}}]\n"
    )
    assert load_profile(path).data.image == "path"
