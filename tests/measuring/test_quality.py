"""Answers come in the rows' order, from unpadded rows, whatever the number of threads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from compactor.base.errors import StageError
from compactor.base.reporter import Reporter
from compactor.measuring.quality import predict


class Rows:
    """Encoded rows of many lengths; a batch of more than one would need padding."""

    def __init__(self, texts: list[np.ndarray]) -> None:
        self.texts = texts

    def __len__(self) -> int:
        return len(self.texts)

    def batch(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        assert len(indices) == 1
        ids = self.texts[int(indices[0])].reshape(1, -1)
        return {"input_ids": ids, "attention_mask": np.ones_like(ids), "labels": indices}

    @property
    def answers(self) -> int:
        return len(self)

    def answer_rows(self, indices: np.ndarray) -> np.ndarray:
        return indices

    def gather(self, output: np.ndarray, indices: np.ndarray) -> np.ndarray:
        return output


@pytest.mark.parametrize("threads", [1, 3])
def test_each_row_gets_its_own_answer(make_model: Callable[..., Path], texts: list[np.ndarray], threads: int) -> None:
    model = make_model("m", 3)
    rows = Rows(texts * 5)
    logits = predict(model.parent, rows, threads=threads, reporter=Reporter())
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    expected = [session.run(None, {"input_ids": text.reshape(1, -1)})[0][0] for text in rows.texts]
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, np.stack(expected), atol=1e-6)


class Words(Rows):
    """Rows whose answers belong to their first token, and of which the last is cut off."""

    @property
    def answers(self) -> int:
        return len(self) + 1


@pytest.mark.parametrize("threads", [1, 2])
def test_answers_go_where_they_belong_and_missing_ones_are_0(
    make_model: Callable[..., Path], texts: list[np.ndarray], threads: int
) -> None:
    model, rows = make_model("m", 3), Words(texts * 20)
    logits = predict(model.parent, rows, threads=threads, reporter=Reporter())
    plain = predict(model.parent, Rows(texts * 20), threads=1, reporter=Reporter())
    np.testing.assert_array_equal(logits[:-1], plain)
    assert not logits[-1].any()


def test_no_rows_give_no_answers(make_model: Callable[..., Path]) -> None:
    assert len(predict(make_model("m", 1).parent, Rows([]), threads=2, reporter=Reporter())) == 0


def test_token_ids_beyond_the_table_are_told(make_model: Callable[..., Path]) -> None:
    with pytest.raises(StageError, match="cannot answer"):
        predict(make_model("m", 1).parent, Rows([np.array([1, 1000])]), threads=1, reporter=Reporter())


def test_a_broken_model_is_told(make_model: Callable[..., Path]) -> None:
    model = make_model("m", 1)
    model.write_bytes(model.read_bytes()[:100])
    with pytest.raises(StageError, match="cannot load"):
        predict(model.parent, Rows([]), threads=1, reporter=Reporter())
