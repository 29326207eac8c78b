"""Rows of the last layer that nobody reads are not computed: the same answers, alone, in batches and padded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compactor.checks.agreement import agreement
from compactor.checks.answers import onnx_answer
from compactor.checks.parity import shapes
from compactor.exporting import export_onnx
from compactor.tasks.text_classification import TextClassification
from compactor.tasks.token_classification import TokenClassification
from tests.exporting import tiny

pytestmark = pytest.mark.model

# Query, scores, their product with the values, the map after it, and the two of the feed-forward part.
PRODUCTS = 6


def export(source: Path, folder: Path, **options) -> dict:
    return export_onnx(source, folder, **{"task": TextClassification(), "pair": False, "opset": 17, **options})


# In opset 14 a norm is many nodes.
@pytest.mark.parametrize(
    ("kind", "pair", "opset"),
    [*((kind, False, 17) for kind in tiny.FAMILIES), ("bert", True, 17), ("electra", True, 17), ("bert", False, 14)],
)
def test_the_last_layer_is_computed_for_the_first_row_alone_and_answers_the_same(kind, pair, opset, tmp_path):
    source = tiny.save_model(tmp_path / "torch", kind)
    facts = [export(source, tmp_path / name, pair=pair, opset=opset, every_row=name == "whole") for name in ("whole", "first")]
    assert [each["first_row_products"] for each in facts] == [0, PRODUCTS]
    batches = list(shapes(tiny.Rows(pair=pair), longest=tiny.LONGEST, pad_id=tiny.PAD))
    whole, first = (
        np.concatenate([onnx_answer(tmp_path / name / "model.onnx")(batch) for batch in batches]) for name in ("whole", "first")
    )
    assert agreement(whole, first).scaled_difference < 1e-5


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_the_rows_that_are_read_are_fewer(kind, tmp_path):
    """In the last layer everything but keys and values has one row: shapes seen while the graph runs."""
    import onnx

    from compactor.exporting.probes import text_probes, values_of

    export(tiny.save_model(tmp_path / "torch", kind), tmp_path / "onnx")
    model = onnx.load(str(tmp_path / "onnx/model.onnx"))
    products = [node for node in model.graph.node if node.op_type == "MatMul" and "layer.1/" in node.name]
    (found, *_) = values_of(model, [node.output[0] for node in products], list(text_probes(tiny.PIECES, tiny.PAD)))
    rows = {node.name.rpartition("layer.1/")[2]: found[node.output[0]].shape[-2] for node in products}
    assert {name for name, count in rows.items() if count == 7} == {
        f"attention/self/{part}/MatMul" for part in ("key", "value")
    }
    assert len(rows) == 2 + PRODUCTS
    assert set(rows.values()) == {1, 7}


def test_a_model_that_answers_every_piece_stays_whole(tmp_path):
    import torch
    from transformers import BertConfig, BertForTokenClassification

    from compactor.models import save

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=tiny.PIECES,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=40,
        num_labels=3,
    )
    tokenizer = tiny.save_model(tmp_path / "tokenizer")
    (tmp_path / "torch").mkdir()
    save(BertForTokenClassification(config).eval(), tokenizer, tmp_path / "torch", labels=tiny.LABELS)
    assert export(tmp_path / "torch", tmp_path / "onnx", task=TokenClassification())["first_row_products"] == 0


def test_one_layer_is_cut_too(tmp_path):
    from transformers import AutoModelForSequenceClassification

    from compactor.models import save

    source = tiny.save_model(tmp_path / "torch")
    model = AutoModelForSequenceClassification.from_pretrained(source)
    model.bert.encoder.layer = model.bert.encoder.layer[:1]
    model.config.num_hidden_layers = 1
    (tmp_path / "one").mkdir()
    save(model.eval(), source, tmp_path / "one", labels=tiny.LABELS)
    assert export(tmp_path / "one", tmp_path / "onnx")["first_row_products"] == PRODUCTS
