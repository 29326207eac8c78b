"""A real six-layer encoder on real texts: sizes and agreement as published for onnxruntime's int8."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compactor.base.reporter import Reporter
from compactor.checks.agreement import agreement
from compactor.checks.answers import answer_one_by_one, onnx_answer, spread
from compactor.checks.padding import padding_agreement
from compactor.tasks import TASKS

pytestmark = pytest.mark.slow
ENCODER, TEXTS, LABELS = "models/all-MiniLM-L6-v2", "data/banking77/train.csv", tuple(f"label {number}" for number in range(77))


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("real")


@pytest.fixture
def exported(place, data_root) -> tuple[Path, Any]:
    """Export the encoder with a random head, once; return the folder and 1,000 real texts, encoded."""
    import torch

    from compactor.data import DataSettings, Encoded, encode, open_data
    from compactor.exporting import export_onnx
    from compactor.models import load_checkpoint, save
    from compactor.models.tokenizer import load_tokenizer

    if not (place / "onnx").exists():
        task = TASKS.load("text-classification")()
        torch.manual_seed(0)
        model = load_checkpoint(data_root / ENCODER, task, labels=LABELS, fresh_head=True).model
        torch.nn.init.normal_(model.classifier.weight, std=0.3)
        (place / "torch").mkdir()
        save(model, data_root / ENCODER, place / "torch", labels=LABELS, max_length=64)
        export_onnx(place / "torch", place / "onnx", task=task, pair=False, opset=17)
        with (data_root / TEXTS).open(encoding="utf-8", newline="") as stream:
            label = next(csv.DictReader(stream)).keys() - {"text"}
        settings = DataSettings(train=str(data_root / TEXTS), label=next(iter(label)), limit=1000)
        data = open_data(settings, near=(), seed=0, cache=place / "cache", online=False, reporter=Reporter())
        (place / "rows").mkdir()
        encode(data.train, load_tokenizer(place / "onnx"), 64, place / "rows")
    return place / "onnx", Encoded(place / "rows", 0)


def agree(source: Path, folder: Path, rows: Any) -> Any:
    chosen = spread(rows, 200)
    return agreement(*(answer_one_by_one(onnx_answer(each / "model.onnx"), rows, chosen) for each in (source, folder)))


def test_dynamic_int8(exported, place):
    from compactor.quantization import quantize_dynamic_int8

    source, rows = exported
    facts = quantize_dynamic_int8(source, place / "dynamic", reduce_range=False)
    quantize_dynamic_int8(source, place / "tensor", reduce_range=False, per_channel=False)
    assert (source / "model.onnx").stat().st_size / 1e6 == pytest.approx(91.0, abs=0.3)
    assert facts["size_bytes"] / 1e6 == pytest.approx(23.0, abs=0.3)
    found = agree(source, place / "dynamic", rows)
    assert found.cosine > 0.99
    assert found.relative_error < agree(source, place / "tensor", rows).relative_error


def test_static_int8_does_not_depend_on_the_batch(exported, place):
    from compactor.quantization import quantize_static_int8

    source, rows = exported
    batches = [rows.batch(np.array([row])) for row in spread(rows, 128)]
    quantize_static_int8(source, place / "static", batches, reduce_range=False)
    assert agree(source, place / "static", rows).cosine > 0.99
    assert padding_agreement(onnx_answer(place / "static/model.onnx"), rows).scaled_difference < 1e-3


def test_fp16(exported, place):
    from compactor.quantization import convert_fp16

    source, rows = exported
    convert_fp16(source, place / "fp16")
    found = agree(source, place / "fp16", rows)
    assert found.cosine > 0.9999
    assert found.top1 > 0.98


def test_training_that_rounds_answers_as_the_int8_graph_on_real_texts(exported, place):
    import torch

    from compactor.distillation.quantization_aware.imitation import imitating
    from compactor.distillation.quantization_aware.settings import QuantizationAware
    from compactor.models import load
    from compactor.models.feeding import feed
    from compactor.quantization import quantize_dynamic_int8

    source, rows = exported
    quantize_dynamic_int8(source, place / "rounded", reduce_range=False)
    chosen = spread(rows, 48)
    model = load(place / "torch", TASKS.load("text-classification")())
    with torch.no_grad(), imitating(QuantizationAware(), model):
        imitated = model(**feed(model, rows.batch(chosen))).logits.numpy()  # one batch, short and long texts together
    int8, floats = (answer_one_by_one(onnx_answer(each / "model.onnx"), rows, chosen) for each in (place / "rounded", source))
    near, far = agreement(int8, imitated), agreement(floats, int8)
    # Single products are exact; in six layers a last bit that falls on the other side of a rounding step moves others after it.
    assert near.relative_error < 0.4 * far.relative_error
    assert near.cosine > 0.999
    assert near.top1 > 0.95
