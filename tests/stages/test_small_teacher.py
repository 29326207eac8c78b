"""A teacher in few bits: measured against itself in float, asked by students, refused to losses that look inside it."""

from __future__ import annotations

import json

import pytest

from compactor.base.errors import ProfileError
from compactor.pipeline.profile import load_profile
from compactor.stages.distill import Distill
from compactor.stages.teacher import Teacher
from tests.stages import works


@pytest.mark.model
def test_a_student_learns_from_a_teacher_in_8_bits(tmp_path):
    pytest.importorskip("bitsandbytes")
    import torch

    from compactor.stages._inputs import load_model, teacher_logits

    data, work = works.open_small(tmp_path), None
    work = works.make_work(tmp_path, "teacher", data)
    config = {"layers": 1, "hidden": 64, "heads": 2, "intermediate": 64, "vocabulary": 160}
    stage = Teacher.model_validate(
        {"config": config, "train": {"epochs": 3, "learning_rate": 3e-3}, "max_length": 24, "load_in": "8bit"}
    )
    stage.run(None, work)
    told = work.facts["answering"]
    assert json.loads((work.folder / "answering.json").read_text()) == {"load_in": "8bit"}
    assert told["bytes"] < told["bytes_before"]
    assert told["agreement"]["cosine"] > 0.99
    taught = works.make_work(tmp_path, "student", data, teacher=works.artifact(work.folder))
    Distill.model_validate({"train": {"epochs": 1}}).run(taught.teacher, taught)
    # What was kept for the student is what the 8-bit model said, not the weights in float beside it.
    rows = teacher_logits(taught, "training")
    from compactor.distillation.evaluate import predict
    from compactor.stages._inputs import encoded

    floats = predict(load_model(taught, work.folder), encoded(taught, work.folder, "training"), threads=1)
    assert 0 < abs(rows - floats).max() < 0.2 * abs(floats).max()
    assert all(isinstance(value, torch.nn.Parameter) for value in load_model(taught, taught.folder).parameters())


PROFILE = """\
name: small
task: text-classification
target: laptop-cpu
data: {{train: train.csv, label: category}}
stages:
  - teacher: {{model: ./model, load_in: 4bit}}
  - distill: {{losses: [{loss}]}}
"""


def test_a_loss_that_looks_inside_is_refused_with_its_line(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(PROFILE.format(loss="hinton"), encoding="utf-8")
    load_profile(path, check_files=False)
    path.write_text(PROFILE.format(loss="minilm_relations"), encoding="utf-8")
    with pytest.raises(ProfileError, match="needs the teacher's relations"):
        load_profile(path, check_files=False)
