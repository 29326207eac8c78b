"""The bundle of a real encoder with its real tokenizer, in fp32 and int8, on real texts."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from compactor import runtime
from compactor.bundle import verify
from compactor.bundle.fresh import verify_fresh
from tests.bundle.conftest import make
from tests.bundle.tiny import LABELS

pytestmark = pytest.mark.slow


def test_a_published_checkpoint_becomes_a_bundle_that_reads_as_transformers_does(data_root, tmp_path):
    import torch
    from transformers import AutoTokenizer

    from compactor import models
    from compactor.exporting import export_onnx
    from compactor.quantization.dynamic import quantize_dynamic_int8
    from compactor.tasks import TASKS

    task, checkpoint = TASKS.load("text-classification")(), data_root / "models/all-MiniLM-L6-v2"
    with (data_root / "data/banking77/test.csv").open(encoding="utf-8", newline="") as stream:
        texts = [row["text"] for row in csv.DictReader(stream)][:300]
    torch.manual_seed(0)
    module = models.load_checkpoint(checkpoint, task, labels=tuple(LABELS), fresh_head=True).model
    (tmp_path / "torch").mkdir()
    models.save(module, checkpoint, tmp_path / "torch", labels=tuple(LABELS), max_length=64)
    (tmp_path / "onnx").mkdir()
    export_onnx(tmp_path / "torch", tmp_path / "onnx", task=task, pair=False, opset=17)
    quantize_dynamic_int8(tmp_path / "onnx", tmp_path / "int8", reduce_range=False)
    plain = make(tmp_path / "onnx", tmp_path / "plain bundle", texts=texts[:16])
    small = make(tmp_path / "int8", tmp_path / "int8 bundle", texts=texts[:16])
    assert verify(plain).passed
    assert verify_fresh(small)["passed"]
    assert json.loads((plain / "tokenizer.json").read_text(encoding="utf-8"))["padding"] is None
    tokenizer, model = AutoTokenizer.from_pretrained(checkpoint), runtime.load(plain)
    for text in texts:
        assert model.encode(text)[0]["input_ids"] == tokenizer(text, truncation=True, max_length=64)["input_ids"], text
    np.testing.assert_allclose(model.logits(texts[:32], batch_size=8), model.logits(texts[:32]), atol=1e-4)
