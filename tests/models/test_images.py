"""Models of images: described, saved and read back bit for bit whatever their widths, and refused where their images do not fit."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from compactor.base.errors import StageError
from tests.models.images import LABELS, pixels, random_vit, save_vit

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def task():
    from compactor.tasks import TASKS

    return TASKS.load("image-classification")()


def answers(model, seed=0):
    import torch

    with torch.no_grad():
        return model(pixel_values=torch.from_numpy(pixels(seed=seed))).logits.numpy()


@pytest.mark.parametrize("kind", ["vit", "deit"])
def test_parts_are_found(kind):
    from compactor.models.counting import parameter_count
    from compactor.models.families import describe

    model = random_vit(kind)
    encoder = describe(model)
    assert encoder.sees_images
    assert encoder.words is None
    assert [(part.heads, part.head_size, part.intermediate.out_features) for part in encoder.parts] == [(4, 8, 48)] * 2
    counted = parameter_count(model)
    assert counted["total"] == sum(parameter.numel() for parameter in model.parameters())
    assert counted["total"] == counted["embeddings"] + counted["encoder"] + counted["head"]
    # patches, class token and positions (DeiT has a second token); the two layers; the last norm and the classifier
    assert counted["head"] == 2 * 32 + 33 * 3


@pytest.mark.parametrize("kind", ["vit", "deit"])
def test_read_back_bit_for_bit(kind, tmp_path, task):
    from compactor.models import load

    folder = save_vit(tmp_path / kind, kind)
    np.testing.assert_array_equal(answers(load(folder, task)), answers(random_vit(kind)))
    turned = answers(load(folder, task, labels=tuple(reversed(LABELS))))
    np.testing.assert_array_equal(turned, answers(random_vit(kind))[:, ::-1])


@pytest.mark.parametrize("kind", ["vit", "deit"])
def test_widths_are_cut_as_masked_and_read_back(kind, tmp_path, task):
    from compactor.models import load, save
    from compactor.pruning.width import cut, finish, mask, trace, units

    folder = save_vit(tmp_path / "whole", kind)
    model, masked = load(folder, task), load(folder, task)
    graph = trace(model)
    for part, kept in (("heads", (1, 3)), ("intermediate", tuple(range(0, 48, 3)))):
        for number, (place, other) in enumerate(zip(units(model, part), units(masked, part), strict=True)):
            stay = np.array(kept[: len(kept) - number])  # another width in each layer
            mask(other, stay)
            cut(graph, place, stay)
    finish(model)
    np.testing.assert_allclose(answers(model), answers(masked), atol=1e-5)
    small = tmp_path / "small"
    small.mkdir()
    save(model, folder, small, labels=LABELS)
    assert [width["heads"] for width in json.loads((small / "config.json").read_text())["layer_widths"]] == [2, 1]
    np.testing.assert_array_equal(answers(load(small, task)), answers(model))


def test_a_student_of_some_layers(tmp_path, task):
    from compactor.models.students import TransformerStudent, build_student

    teacher = random_vit(layers=3)
    student, facts = build_student(teacher, TransformerStudent(layers=(0, 2)), task=task)
    assert facts["kept_layers"] == [0, 2]
    teacher.vit.layers = type(teacher.vit.layers)([teacher.vit.layers[0], teacher.vit.layers[2]])
    np.testing.assert_array_equal(answers(student), answers(teacher))
    best, facts = build_student(
        random_vit(layers=3),
        TransformerStudent(layers=2, choose="best"),
        task=task,
        batches=[{"pixel_values": pixels(), "labels": np.zeros(5)}],
    )
    assert facts["search"]["rows"] == 5
    narrow, _ = build_student(random_vit(), TransformerStudent(hidden=16, init="random"), task=task)
    assert answers(narrow).shape == (5, 3)
    assert len(best.vit.layers) == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"size": {"height": 16, "width": 16}}, "L185"),
        ({"do_pad": True}, "L184"),
        (None, "L183"),
    ],
)
def test_images_that_do_not_fit_are_refused(change, code, tmp_path, task):
    from compactor.models import load

    folder = save_vit(tmp_path / "model")
    path = folder / "preprocessor_config.json"
    if change is None:
        path.unlink()
    else:
        path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(StageError, match=code):
        load(folder, task)


def test_two_heads_are_refused(tmp_path, task):
    from compactor.models import load

    folder = save_vit(tmp_path / "deit", "deit")
    config = json.loads((folder / "config.json").read_text())
    shutil.copytree(folder, tmp_path / "two")
    (tmp_path / "two" / "config.json").write_text(
        json.dumps({**config, "architectures": ["DeiTForImageClassificationWithTeacher"]})
    )
    with pytest.raises(StageError, match="L187"):
        load(tmp_path / "two", task)


def test_the_graph_answers_as_the_model(tmp_path, task):
    import onnx

    from compactor.checks.answers import onnx_answer
    from compactor.exporting import export_onnx

    folder = save_vit(tmp_path / "model")
    facts = export_onnx(folder, tmp_path / "onnx", task=task, pair=False, opset=17)
    answer = onnx_answer(tmp_path / "onnx" / "model.onnx")
    for rows in (1, 2, 5):
        import torch

        given = pixels(rows, seed=rows)
        with torch.no_grad():
            wanted = random_vit()(pixel_values=torch.from_numpy(given)).logits.numpy()
        np.testing.assert_allclose(answer({"pixel_values": given}), wanted, atol=1e-4)
    graph = onnx.load(str(tmp_path / "onnx" / "model.onnx")).graph
    # Only the class token must be repeated for each image of a batch.
    assert all("embeddings" in node.name for node in graph.node if node.op_type == "Shape")
    assert facts["constant_shapes"] >= 8
    shape = graph.input[0].type.tensor_type.shape
    assert [dimension.dim_value for dimension in shape.dim] == [0, 3, 8, 8]
    interface = json.loads((tmp_path / "onnx" / "interface.json").read_text())
    assert (interface["max_length"], interface["image"]["size"]) == (None, {"height": 8, "width": 8})
