"""A torch model under imitation answers as its int8 graph does in onnxruntime, each row of a padded batch as if alone."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from compactor.base.errors import StageError

pytestmark = pytest.mark.model
PIECES, LONGEST, ROWS = 50, 16, 24
# A sum that differs in its last bit may fall on the other side of a rounding step; such a row moves by up to this, the others not at all.
ONE_STEP = 0.02


def bert(**more: Any) -> Any:
    from transformers import BertConfig, BertForSequenceClassification

    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, **more}
    given = {"vocab_size": PIECES, "max_position_embeddings": 40, "num_labels": 3, "attn_implementation": "eager"}
    return BertForSequenceClassification(BertConfig(**given, **shape))


def factorized() -> Any:
    from compactor.models.factorized import factorize

    model = bert()
    factorize(model, 8)
    return model


def roberta() -> Any:
    from transformers import RobertaConfig, RobertaForSequenceClassification

    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "pad_token_id": 0}
    given = {"vocab_size": PIECES, "max_position_embeddings": 40, "num_labels": 3, "attn_implementation": "eager"}
    return RobertaForSequenceClassification(RobertaConfig(**given, **shape))


def conv() -> Any:
    from compactor.models.conv_model import ConvConfig, ConvForSequenceClassification

    return ConvForSequenceClassification(
        ConvConfig(widths=[1, 3], filters=8, vocab_size=PIECES, hidden_size=16, head=8, num_labels=3)
    )


def static() -> Any:
    from compactor.models.static_model import StaticConfig, StaticForSequenceClassification

    return StaticForSequenceClassification(StaticConfig(vocab_size=PIECES, hidden_size=16, head=8, num_labels=3))


def made(build: Any) -> Any:
    """Build a model with weights large enough that rounding is felt."""
    import torch

    torch.manual_seed(0)
    model = build().eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (torch.nn.Linear, torch.nn.Embedding)):
                module.weight.normal_(std=0.2)
            if isinstance(module, torch.nn.Embedding) and module.padding_idx is not None:
                module.weight[module.padding_idx] = 0.0
    return model


def batch(*, pair: bool) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    lengths = generator.integers(3, LONGEST + 1, ROWS)
    mask = (np.arange(LONGEST)[None, :] < lengths[:, None]).astype(np.int64)
    types = mask * (np.arange(LONGEST) >= 2) if pair else np.zeros_like(mask)
    return {"input_ids": generator.integers(1, PIECES, mask.shape) * mask, "attention_mask": mask, "token_type_ids": types}


def exported(model: Any, folder: Path, *, pair: bool) -> Path:
    import onnx

    from compactor.exporting import graph
    from compactor.exporting.simplify import simplify
    from compactor.exporting.trace import trace
    from compactor.exporting.wrapper import sample_inputs, wrap

    wrapped, names = wrap(copy.deepcopy(model), ("logits",), pair=pair)
    sample = sample_inputs(names, vocabulary=PIECES, pad_id=0)
    axes = dict.fromkeys(names, ("batch", "sequence"))
    found = trace(wrapped, sample, axes, {"logits": ("batch", "labels")}, opset=17, backend="torchscript")
    graph.tidy(found)
    simplify(found, vocabulary=PIECES, pad_id=0, longest=LONGEST)
    folder.mkdir()
    onnx.save(found, str(folder / "model.onnx"))
    (folder / "interface.json").write_text(json.dumps({"precision": "fp32"}))
    return folder


def answers_alone(folder: Path, rows: dict[str, np.ndarray]) -> np.ndarray:
    """Return what the graph answers to each row alone and without padding."""
    from compactor.checks.answers import onnx_answer

    answer, lengths = onnx_answer(folder / "model.onnx"), rows["attention_mask"].sum(axis=1)
    return np.concatenate(
        [answer({name: array[[row], :length] for name, array in rows.items()}) for row, length in enumerate(lengths)]
    )


def imitated(model: Any, rows: dict[str, np.ndarray], **settings: Any) -> np.ndarray:
    import torch

    from compactor.distillation.quantization_aware.imitation import imitating
    from compactor.distillation.quantization_aware.settings import QuantizationAware
    from compactor.models.feeding import feed

    with torch.no_grad(), imitating(QuantizationAware(**settings), model):
        logits: np.ndarray = model(**feed(model, rows)).logits.numpy()
    return logits


@pytest.mark.parametrize(
    ("build", "settings", "pair"),
    [
        (bert, {}, False),
        (bert, {"reduce_range": True, "per_channel": False}, True),
        (bert, {"embeddings": False, "keep": ("*classifier*", "*/layer.0/attention/self/query/*")}, False),
        (roberta, {}, False),
        (factorized, {}, False),
        (conv, {}, False),
        (static, {}, False),
    ],
    ids=["bert", "7 bits, pairs", "some in float", "roberta", "factorized", "conv", "static"],
)
def test_the_imitation_answers_as_the_int8_graph(build, settings, pair, tmp_path):
    from compactor.quantization import quantize_dynamic_int8

    model, rows = made(build), batch(pair=pair)
    source = exported(model, tmp_path / "fp32", pair=pair)
    quantize_dynamic_int8(source, tmp_path / "int8", **{"reduce_range": False, **settings})
    quantized, floats = answers_alone(tmp_path / "int8", rows), answers_alone(source, rows)
    largest = np.abs(floats).max()
    off = np.abs(imitated(model, rows, **settings) - quantized).max(axis=1) / largest
    assert np.median(off) < 1e-6
    assert off.max() < ONE_STEP
    assert np.abs(quantized - floats).max() / largest > 1e-3  # there was something to imitate


def test_afterwards_the_model_answers_in_float_again():
    import torch

    model, rows = made(bert), {name: torch.from_numpy(array) for name, array in batch(pair=False).items()}
    before = model(**rows).logits
    rounded = imitated(model, batch(pair=False))
    assert torch.equal(model(**rows).logits, before)
    assert not np.allclose(rounded, before.detach().numpy(), atol=1e-4)


def test_rows_that_are_left_out_of_the_table_count_to_its_range():
    import torch

    from compactor.distillation.pieces import UsedPieces
    from compactor.distillation.quantization_aware.imitation import imitating
    from compactor.distillation.quantization_aware.settings import QuantizationAware

    model, rows = made(bert), batch(pair=False)
    rows["input_ids"] = np.where(rows["input_ids"] > 20, 5, rows["input_ids"])
    with torch.no_grad():
        model.bert.embeddings.word_embeddings.weight[40] = 9.0  # no text has this piece, and it sets the range of all
    whole = imitated(model, rows)
    encoded: Any = SimpleNamespace(lengths=rows["attention_mask"].sum(axis=1), batch=lambda _: rows)
    pieces = UsedPieces(model, encoded)
    inputs = {name: torch.from_numpy(array) for name, array in rows.items()}
    with torch.no_grad(), imitating(QuantizationAware(), model, pieces.outside):
        assert len(model.bert.embeddings.word_embeddings.weight) < PIECES
        assert np.array_equal(model(**inputs).logits.numpy(), whole)


def test_what_cannot_be_imitated_is_refused():
    import torch

    model = made(bert)
    with pytest.raises(StageError, match="fits nothing"):
        imitated(model, batch(pair=False), keep=("*nowhere*",))
    model.classifier = torch.nn.Bilinear(4, 4, 2)
    model.classifier.weight = torch.nn.Parameter(torch.zeros(4, 4))
    with pytest.raises(StageError, match="Bilinear"):
        imitated(model, batch(pair=False))
