"""Losses on attention: against loops over heads and rows, and against the attention that a model itself gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.distillation import tiny
from tests.distillation.loss_contract import HEADS, LENGTH, ROWS, batch, mean, shape
from tests.distillation.losses.made import loss


def head(vectors: Any, row: int, number: int, padded: int, heads: int = HEADS) -> np.ndarray:
    """Return one head's vectors of one row without padding, float64 (pieces, size)."""
    size = vectors.shape[-1] // heads
    values: np.ndarray = vectors[row, : LENGTH - padded, number * size : (number + 1) * size].detach().numpy()
    return values.astype(np.float64)


def divergence(teacher: tuple[np.ndarray, np.ndarray], student: tuple[np.ndarray, np.ndarray]) -> float:
    """Return the sum over pieces of KL between two softmaxed tables of scaled dot products."""
    from scipy.special import log_softmax

    first, second = (log_softmax(a @ b.T / a.shape[1] ** 0.5, axis=-1) for a, b in (teacher, student))
    return float((np.exp(first) * (first - second)).sum())


@pytest.mark.model
@pytest.mark.parametrize("student_layer", [-1, 0])
def test_relations_by_a_loop_over_heads_and_rows(student_layer: int) -> None:
    given, heads, padded = batch(student_width=16, padded=2), 8, 2
    total = 0.0
    for row in range(ROWS):
        for own, taught in zip(given.student.relations[student_layer % 2], given.teacher.relations[1], strict=True):
            for number in range(heads):
                first, second = (head(vectors, row, number, padded, heads) for vectors in (taught, own))
                total += divergence((first, first), (second, second)) / heads / 3
    value = mean(loss("minilm_relations", heads=heads, student_layer=student_layer), given).item()
    assert value == pytest.approx(total / (ROWS * (LENGTH - padded)), rel=1e-4)


@pytest.mark.model
def test_minilm_is_the_last_layers_attention_and_value_relations() -> None:
    given, padded = batch(student_width=16, padded=2), 2
    total = 0.0
    for row in range(ROWS):
        for number in range(HEADS):
            own, taught = (
                [head(vectors, row, number, padded) for vectors in outputs.relations[1]]
                for outputs in (given.student, given.teacher)
            )
            total += divergence((taught[0], taught[1]), (own[0], own[1])) / HEADS
            total += divergence((taught[2], taught[2]), (own[2], own[2])) / HEADS
    assert mean(loss("minilm"), given).item() == pytest.approx(total / (ROWS * (LENGTH - padded)), rel=1e-4)


@pytest.mark.model
def test_mobileberts_attention_is_the_mean_over_layers() -> None:
    given = batch(padded=2)
    total = 0.0
    for layer in range(2):
        for row in range(ROWS):
            for number in range(HEADS):
                own, taught = (
                    [head(vectors, row, number, 2) for vectors in outputs.relations[layer][:2]]
                    for outputs in (given.student, given.teacher)
                )
                total += divergence((taught[0], taught[1]), (own[0], own[1])) / HEADS / 2
    value = mean(loss("mobilebert", feature_map=0, mean=0, variance=0), given).item()
    assert value == pytest.approx(total / (ROWS * (LENGTH - 2)), rel=1e-4)


@pytest.mark.model
def test_tinyberts_scores_are_compared_before_softmax_over_real_pieces() -> None:
    given, padded = batch(padded=2), 2
    total = 0.0
    for layer in range(2):
        for row in range(ROWS):
            for number in range(HEADS):
                tables = []
                for outputs in (given.student, given.teacher):
                    query, key = (head(vectors, row, number, padded) for vectors in outputs.relations[layer][:2])
                    tables.append(query @ key.T / query.shape[1] ** 0.5)
                total += float(((tables[0] - tables[1]) ** 2).mean(axis=-1).sum()) / HEADS / 2
    value = mean(loss("tinybert", hidden=0, embeddings=0), given).item()
    assert value == pytest.approx(total / (ROWS * (LENGTH - padded)), rel=1e-4)


@pytest.mark.model
def test_tinybert_is_the_sum_of_its_weighted_parts() -> None:
    import torch

    given = batch(padded=2)

    def value(**weights: float) -> Any:
        return mean(loss("tinybert", **({"attention": 0, "hidden": 0, "embeddings": 0} | weights)), given)

    whole = mean(loss("tinybert", attention=2, hidden=3, embeddings=0.5), given)
    assert torch.allclose(whole, 2 * value(attention=1) + 3 * value(hidden=1) + 0.5 * value(embeddings=1), rtol=1e-5)
    assert torch.allclose(value(hidden=1), mean(loss("hidden_states"), given), rtol=1e-5)


@pytest.mark.model
@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta", "electra"])
def test_attention_from_queries_and_keys_is_the_models_own(kind: str) -> None:
    import torch

    from compactor.distillation.losses._attention import scores
    from compactor.distillation.recording import Recorder, shape_of

    model = tiny.model(3, kind=kind)
    ids = torch.randint(5, tiny.PIECES, (3, 7), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, 4:] = 0
    with torch.no_grad(), Recorder(model, [0, 1]) as recorder:
        given = model(input_ids=ids, attention_mask=mask, output_attentions=True).attentions
    for layer, (query, key, _) in recorder.relations().items():
        table = scores(query, key, shape_of(model).heads[layer])
        own = table.masked_fill(mask[:, None, None, :] == 0, -1e9).softmax(-1)
        assert torch.allclose(own, given[layer], atol=1e-5), kind


def test_head_counts_must_be_equal_only_where_head_is_compared_with_head() -> None:
    student, teacher = shape(heads=2), shape(heads=4)
    for name in ("minilm", "tinybert", "mobilebert"):
        told = next(iter(loss(name).unfit(student, teacher)))
        assert "2 attention heads" in told
        assert "the teacher 4" in told
    assert list(loss("tinybert", attention=0).unfit(student, teacher)) == []
    assert list(loss("mobilebert", attention=0).unfit(student, teacher)) == []
    assert list(loss("minilm_relations", heads=12).unfit(student, teacher)) == []


def test_relations_that_cannot_apply_say_why() -> None:
    teacher = shape(384, layers=6, heads=12)
    assert list(loss("minilm_relations", heads=12).unfit(shape(384, layers=3), teacher)) == []
    told = list(loss("minilm_relations", heads=12, student_layer=3).unfit(shape(200, layers=3), teacher))
    assert told == ["student_layer is 3, the student has 3 layers"]
    assert "do not divide the student's inner width 200" in next(
        iter(loss("minilm_relations").unfit(shape(200, layers=3), teacher))
    )
