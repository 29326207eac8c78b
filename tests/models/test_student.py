"""Students: which layers are kept, and how near a projected one is to its teacher before any training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.models.students import TransformerStudent as StudentSettings
from compactor.models.students import build_student, kept_layers
from compactor.tasks import TASKS
from tests.distillation import tiny

TASK = TASKS.load("text-classification")()


def test_layers_are_kept_evenly_with_the_last_among_them() -> None:
    assert kept_layers(3, 6) == (1, 3, 5)
    assert kept_layers(1, 6) == (5,)
    assert kept_layers(4, 12) == (2, 5, 8, 11)
    assert kept_layers(5, 12)[-1] == 11
    assert kept_layers(None, 4) == (0, 1, 2, 3)
    assert kept_layers((0, 3), 6) == (0, 3)
    assert all(len(set(kept_layers(wanted, 12))) == wanted for wanted in range(1, 13))


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"hidden": 64}, "init"),
        ({"intermediate": 64}, "intermediate"),
        ({"heads": 2}, "heads"),
        ({"hidden": 64, "heads": 3, "init": "pca"}, "heads"),
        ({"layers": 0}, "layers"),
        ({"layers": [-1]}, "layers"),
    ],
)
def test_a_shape_that_makes_no_sense_is_refused_before_anything_runs(settings: Any, path: str) -> None:
    assert [found[0] for found in StudentSettings.model_validate(settings).problems()] == [(path,)]


def test_a_shape_that_makes_sense_is_not_refused() -> None:
    assert list(StudentSettings(layers=(0, 2), hidden=64, heads=2, init="pca").problems()) == []


def batches(rows: Any) -> list[dict[str, np.ndarray]]:
    return [rows.batch(np.arange(start, start + 20)) for start in range(0, 60, 20)]


def forward(model: Any, rows: Any) -> tuple[Any, Any]:
    """Return (last states of the real pieces, logits)."""
    import torch

    from compactor.models.feeding import feed

    inputs = feed(model, rows.batch(np.arange(40)))
    with torch.no_grad():
        outputs = model(**inputs, output_hidden_states=True)
    return outputs.hidden_states[-1][inputs["attention_mask"].bool()], outputs.logits


@pytest.mark.model
@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta", "electra"])
def test_copied_layers_are_the_teachers_and_all_of_them_answer_alike(rows: Any, kind: str) -> None:
    import torch

    from compactor.models.families import describe

    teacher = tiny.model(2, layers=4, kind=kind)
    whole, _ = build_student(teacher, StudentSettings(), task=TASK)
    assert torch.equal(forward(whole, rows)[1], forward(teacher, rows)[1])
    half, facts = build_student(teacher, StudentSettings(layers=2), task=TASK)
    assert facts["kept_layers"] == [1, 3]
    assert half.config.num_hidden_layers == 2
    assert torch.equal(describe(half).parts[1].query.weight, describe(teacher).parts[3].query.weight)
    with torch.no_grad():
        describe(half).parts[1].query.weight.zero_()
    assert describe(teacher).parts[3].query.weight.abs().sum() > 0


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function from a family to (a teacher that has learnt the rows, the rows)."""
    made: dict[str, tuple[Any, Any]] = {}

    def make(kind: str) -> tuple[Any, Any]:
        if kind not in made:
            from compactor.base.reporter import Reporter
            from compactor.distillation.losses import parse_losses
            from compactor.distillation.objective import Objective
            from compactor.distillation.trainer import TrainSettings, fit

            folder = tmp_path_factory.mktemp(kind)
            data, teacher = tiny.rows(folder / "rows", 300), tiny.model(2, hidden=32, heads=4, kind=kind)
            objective = Objective(parse_losses(["cross_entropy"]), None, teacher)
            settings = TrainSettings(epochs=3.0, learning_rate=5e-3, batch_size=8)
            fit(teacher, data, objective, settings, seed=0, threads=1, checkpoints=folder, reporter=Reporter())
            made[kind] = (teacher, data)
        return made[kind]

    return make


@pytest.mark.model
@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta", "electra"])
@pytest.mark.parametrize(
    "shape",
    [
        {"hidden": 16, "layers": 2},
        {"hidden": 16, "heads": 4},
        {"hidden": 16, "heads": 1},
        {"hidden": 24, "layers": 1},
        {"hidden": 8},  # as wide as ELECTRA's embeddings, which then have no projection behind them
        {"hidden": 16, "intermediate": 160},  # wider than the teacher's
    ],
)
def test_a_projected_student_begins_near_its_teacher(trained: Any, kind: str, shape: dict[str, int]) -> None:
    """Near: a linear map of the teacher's last states explains most of the student's, and its logits follow the teacher's."""
    import torch

    teacher, data = trained(kind)
    student, facts = build_student(teacher, StudentSettings(init="pca", **shape), task=TASK, batches=batches(data))
    random, _ = build_student(teacher, StudentSettings(init="random", **shape), task=TASK)
    assert facts["hidden"] == student.config.hidden_size == shape["hidden"]
    (states, logits), (own, answers), (other, _) = (forward(model, data) for model in (teacher, student, random))

    def explained(student_states: Any) -> float:
        design = torch.cat([states, torch.ones(len(states), 1)], dim=1)
        rest = student_states - design @ torch.linalg.lstsq(design, student_states).solution
        return 1 - float(rest.square().sum() / (student_states - student_states.mean(0)).square().sum())

    assert explained(own) > max(0.7, explained(other))
    assert float(torch.nn.functional.cosine_similarity(_centred(answers).flatten(), _centred(logits).flatten(), dim=0)) > 0.9


def _centred(values: Any) -> Any:
    return values - values.mean(dim=0)


@pytest.mark.model
def test_layers_that_pruning_left_narrower_than_the_first_are_projected_too(rows: Any) -> None:
    from compactor.models.families import describe
    from compactor.pruning.narrow import narrow

    teacher = tiny.model(2, hidden=32, heads=4)
    wide = describe(teacher).parts[0].intermediate.out_features
    narrow(teacher, {"intermediate": [np.arange(wide), np.arange(8)], "heads": [np.arange(4), np.arange(1)]})
    student, facts = build_student(teacher, StudentSettings(hidden=16, init="pca"), task=TASK, batches=batches(rows))
    assert facts["intermediate"] == wide // 2
    assert np.isfinite(forward(student, rows)[1].numpy()).all()


@pytest.mark.model
@pytest.mark.parametrize("hidden", [8, 16])
def test_a_factorized_table_of_an_electra_is_projected_whole(rows: Any, hidden: int) -> None:
    import torch

    from compactor.models.factorized import factorize, whole_table
    from compactor.models.families import describe

    teacher = tiny.model(2, hidden=32, heads=4, kind="electra")
    factorize(teacher, 4)
    student, _ = build_student(teacher, StudentSettings(hidden=hidden, init="pca"), task=TASK, batches=batches(rows))
    words, own = describe(teacher).words, describe(student).words
    assert own.weight.shape == (words.num_embeddings, 8)
    assert hidden == 8 or torch.equal(own.weight, whole_table(words))


@pytest.mark.model
def test_equal_inputs_give_equal_students_and_leave_the_teacher_alone(rows: Any) -> None:
    import torch

    teacher = tiny.model(2, hidden=32, heads=4)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    settings = StudentSettings(hidden=16, init="pca", layers=1)
    one, two = (build_student(teacher, settings, task=TASK, batches=batches(rows), seed=4)[0] for _ in range(2))
    assert all(torch.equal(value, two.state_dict()[name]) for name, value in one.state_dict().items())
    assert all(torch.equal(value, teacher.state_dict()[name]) for name, value in before.items())


@pytest.mark.model
def test_main_directions_are_orthonormal_and_spare_what_a_norm_takes_away() -> None:
    import torch

    from compactor.models.projection import main_directions

    torch.manual_seed(0)
    spread = torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0, 0.1, 0.1, 0.1])
    turn = torch.linalg.qr(torch.randn(8, 8)).Q
    points = (torch.randn(500, 8) * spread) @ turn
    directions, share = main_directions([points], 5)
    assert torch.allclose(directions.T @ directions, torch.eye(5), atol=1e-5)
    assert share > 0.99
    taken = (points @ directions).mean(dim=1)
    assert float(taken.var()) == pytest.approx(1.0 / 5, rel=0.3)  # the weakest of the five, spread over 1/sqrt(5)


@pytest.mark.model
def test_shapes_that_do_not_fit_the_teacher_are_told(rows: Any) -> None:
    teacher = tiny.model(2, hidden=32, heads=4)
    for settings in ({"layers": 3}, {"layers": (0, 2)}, {"hidden": 64, "init": "pca"}, {"hidden": 21, "init": "pca"}):
        with pytest.raises(StageError) as raised:
            build_student(teacher, StudentSettings.model_validate(settings), task=TASK, batches=batches(rows))
        assert raised.value.problem.code == "L170"


@pytest.mark.model
def test_smaller_heads_keep_the_scores_as_well_as_their_rank_allows() -> None:
    import torch

    from compactor.models.narrow_attention import _narrow_scores, _narrow_values

    torch.manual_seed(0)
    query, key = torch.randn(8, 33), torch.randn(8, 33)
    query[4:], key[4:] = 0.0, 0.0  # of rank 4, so that 4 channels are enough
    small_query, small_key = _narrow_scores(query, key, 4)
    assert torch.allclose(small_query.T @ small_key / 4**0.5, query.T @ key / 8**0.5, atol=1e-4)
    wide_query, wide_key = _narrow_scores(query, key, 16)
    assert torch.allclose(wide_query.T @ wide_key / 16**0.5, query.T @ key / 8**0.5, atol=1e-4)
    value, output = _narrow_values(key, torch.randn(32, 8), 16)
    assert value.shape == (16, 33)
    assert output.shape == (32, 16)
