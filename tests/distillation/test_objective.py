"""The weighted sum: right rows of the teacher, weights by progress, gradient to the student alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.distillation.losses import parse_losses
from tests.distillation import tiny

pytestmark = pytest.mark.model


def value(objective: Any, student: Any, rows: Any, numbers: np.ndarray, progress: float = 0.0) -> tuple[Any, Any]:
    import torch

    from compactor.models.feeding import feed

    batch = rows.batch(numbers)
    return objective(student, feed(student, batch), torch.from_numpy(batch["labels"]), numbers, progress)


def test_the_teachers_answers_are_those_of_the_same_rows_in_any_order(rows: Any) -> None:
    import torch

    from compactor.distillation.evaluate import predict
    from compactor.distillation.objective import Objective, TeacherSignal

    student = tiny.model(1)
    kept = predict(student, rows, threads=1)
    objective = Objective(parse_losses(["hinton"]), TeacherSignal(kept), student)
    order = np.random.default_rng(0).permutation(len(rows))
    for numbers in (order[:7], order[7:20], np.sort(order[20:31])):
        assert value(objective, student, rows, numbers)[0].item() < 1e-6
    shifted = Objective(parse_losses(["hinton"]), TeacherSignal(np.roll(kept, 1, axis=0)), student)
    with torch.no_grad():
        assert float(value(shifted, student, rows, order[:20])[0]) > 1e-4


def test_weights_follow_progress_and_parts_are_unweighted(rows: Any) -> None:
    from compactor.distillation.objective import Objective, TeacherSignal

    student, numbers = tiny.model(1), np.arange(10)
    losses = parse_losses([{"hinton": {"weight": {"from": 1.0, "to": 0.0}}}, {"cross_entropy": {"weight": 0.5}}])
    objective = Objective(losses, TeacherSignal(np.ones((len(rows), tiny.LABELS), dtype=np.float32) * [3, 0, 0]), student)
    for progress in (0.0, 0.25, 1.0):
        total, parts = value(objective, student, rows, numbers, progress)
        assert total.item() == pytest.approx((1 - progress) * float(parts[0]) + 0.5 * float(parts[1]), rel=1e-5)
    assert not parts.requires_grad


def test_a_teacher_that_runs_along_is_in_eval_and_gets_no_gradient(rows: Any) -> None:
    from compactor.distillation.objective import Objective, TeacherSignal

    student, teacher = tiny.model(1), tiny.model(2, hidden=24, heads=4)
    teacher.train()
    losses = parse_losses([{"minilm_relations": {"heads": 4}}, {"hidden_states": {"weight": 0.1}}])
    objective = Objective(losses, TeacherSignal(None, teacher), student)
    assert not teacher.training
    assert {name: tuple(matrix.shape) for name, matrix in objective.named_parameters()} == {
        "_matrices.hidden_states/projection": (24, 16)
    }
    total, _ = value(objective, student, rows, np.arange(10))
    total.backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert student.bert.encoder.layer[0].attention.self.query.weight.grad.abs().sum() > 0
    objective.train()
    assert not teacher.training


def test_the_same_model_as_its_own_teacher_has_nothing_to_learn(rows: Any) -> None:
    from compactor.distillation.objective import Objective, TeacherSignal

    student, teacher = tiny.model(1), tiny.model(1)
    losses = parse_losses([{"minilm_relations": {"heads": 2}}, "hidden_states", "hinton"])
    objective = Objective(losses, TeacherSignal(_answers(teacher, rows), teacher), student)
    assert value(objective, student, rows, np.arange(12))[0].item() < 1e-5


def _answers(model: Any, rows: Any) -> np.ndarray:
    from compactor.distillation.evaluate import predict

    return predict(model, rows, threads=1)


@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta", "electra"])
def test_losses_that_look_inside_know_the_families(rows: Any, kind: str) -> None:
    from compactor.distillation.objective import Objective, TeacherSignal

    student, teacher = tiny.model(1, layers=1, kind=kind), tiny.model(2, kind=kind)
    objective = Objective(
        parse_losses([{"minilm_relations": {"heads": 2}}, "hidden_states"]), TeacherSignal(None, teacher), student
    )
    total, parts = value(objective, student, rows, np.arange(10))
    assert bool(total.isfinite())
    assert len(parts) == 2


def test_what_cannot_apply_is_refused_before_training(rows: Any) -> None:
    from compactor.distillation.objective import Objective, TeacherSignal

    with pytest.raises(StageError, match="no teacher"):
        Objective(parse_losses(["hinton"]), None, tiny.model(1))
    with pytest.raises(StageError, match="do not divide"):
        Objective(parse_losses([{"minilm_relations": {"heads": 5}}]), TeacherSignal(None, tiny.model(2)), tiny.model(1))


@pytest.mark.parametrize(
    "losses",
    [
        [{"tinybert": {"weight": 0.5}}, "minilm"],
        ["patient_kd", {"attention_transfer": {"layers": "last"}}, "fitnets"],
        [{"mobilebert": {"progressive": True}}, {"hidden_states": {"layers": [[1, 2]], "compare": "cosine"}}],
        ["relational", {"contrastive": {"size": 8}}, {"minilm_relations": {"heads": 2, "teacher_layer": 0}}],
    ],
    ids=["tinybert", "patient", "mobilebert", "rows"],
)
def test_every_loss_that_looks_inside_teaches_the_student_and_its_matrices(rows: Any, losses: list[Any]) -> None:
    from compactor.distillation.objective import Objective, TeacherSignal

    student, teacher = tiny.model(1), tiny.model(2, layers=4, hidden=24)
    objective = Objective(parse_losses(losses), TeacherSignal(None, teacher), student)
    total, parts = value(objective, student, rows, np.arange(10), 0.6)
    total.backward()
    assert bool(total.isfinite())
    assert len(parts) == len(losses)
    assert student.bert.encoder.layer[0].attention.self.query.weight.grad.abs().sum() > 0
    assert all(bool(parameter.grad.abs().sum() > 0) for parameter in objective.parameters())
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_labels_on_pieces_are_rows_of_answers(rows: Any) -> None:
    """Padding and pieces without a label are left out of every term; a text's rows are divided by answers, its states by pieces."""
    import torch
    from torch.nn import functional as F
    from transformers import AutoModelForTokenClassification

    from compactor.distillation.objective import Objective, TeacherSignal
    from compactor.models.feeding import feed

    torch.manual_seed(1)
    student: Any = AutoModelForTokenClassification.from_config(tiny.model(1).config).eval()
    numbers = np.arange(6)
    inputs = feed(student, rows.batch(numbers))
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, tiny.LABELS, inputs["input_ids"].shape, generator=generator)
    labels[(inputs["attention_mask"] == 0) | (torch.rand(labels.shape, generator=generator) < 0.5)] = -100
    answers = int((labels >= 0).sum())
    taught = np.random.default_rng(0).normal(size=(answers, tiny.LABELS)).astype(np.float32)
    objective = Objective(parse_losses(["cross_entropy", {"hinton": {"temperature": 1}}]), TeacherSignal(taught), student)
    assert objective.counts(labels, inputs["attention_mask"], np.arange(answers)).tolist() == [answers, answers]
    _, parts = objective(student, inputs, labels, np.arange(answers), 0.0)
    logits = student(**inputs).logits[labels >= 0]
    assert torch.allclose(parts[0], F.cross_entropy(logits, labels[labels >= 0]), rtol=1e-5)
    oracle = F.kl_div(logits.log_softmax(-1), torch.from_numpy(taught).softmax(-1), reduction="batchmean")
    assert torch.allclose(parts[1], oracle, rtol=1e-4)


def test_two_labels_refuse_what_needs_three_before_training() -> None:
    from compactor.distillation.objective import Objective, TeacherSignal

    student = tiny.model(1)
    student.config.num_labels = 2
    with pytest.raises(StageError, match="no other classes"):
        Objective(parse_losses(["dkd"]), TeacherSignal(np.zeros((4, 2), dtype=np.float32)), student)
    with pytest.raises(StageError, match="answers with 2 numbers, the teacher with 3"):
        Objective(parse_losses(["hinton"]), TeacherSignal(np.zeros((4, 3), dtype=np.float32)), student)


class KeptTop:
    """The k highest logits of each row, as they are kept on disk."""

    def __init__(self, logits: np.ndarray, k: int, temperature: float) -> None:
        self.logits, self.k, self.temperature, self.labels = logits, k, temperature, logits.shape[1]

    def batch(self, rows: np.ndarray, device: Any) -> Any:
        import torch

        from tests.distillation.losses.test_top_logits import top

        return top(torch.from_numpy(self.logits[rows]).to(device), self.k, self.temperature)


def test_kept_highest_logits_teach_as_all_do_and_only_what_they_suffice_for(rows: Any) -> None:
    from compactor.distillation.objective import Objective, TeacherSignal

    student, teacher = tiny.model(1), tiny.model(2)
    dense = _answers(teacher, rows)
    kept = KeptTop(dense, tiny.LABELS - 1, 2.0)
    losses, numbers = parse_losses([{"hinton": {"temperature": 2}}]), np.arange(10)
    values = [value(Objective(losses, TeacherSignal(given), student), student, rows, numbers)[0] for given in (dense, kept)]
    assert values[0].item() == pytest.approx(values[1].item(), rel=1e-5)
    for wrong in (
        {"hinton": {"temperature": 4}},
        {"hinton": {"temperature": {"from": 2, "to": 1}}},
        {"dkd": {"temperature": 2}},
    ):
        with pytest.raises(StageError, match=r"L142|kept"):
            Objective(parse_losses([wrong]), TeacherSignal(kept), student)


def test_layers_are_counted_alike_for_states_and_attention(rows: Any) -> None:
    """A student made of the teacher's first two layers agrees with them in every loss on layers, and with no others."""
    import torch

    from compactor.distillation.objective import Objective, TeacherSignal

    teacher = tiny.model(2, layers=4)
    for layer in teacher.bert.encoder.layer:  # gains of 1 would make all pieces' states equally long
        torch.nn.init.uniform_(layer.output.LayerNorm.weight, 0.1, 2.0)
    student = tiny.model(3, layers=2)
    student.bert.embeddings.load_state_dict(teacher.bert.embeddings.state_dict())
    for own, taught in zip(student.bert.encoder.layer, teacher.bert.encoder.layer, strict=False):
        own.load_state_dict(taught.state_dict())
    names = ("hidden_states", "patient_kd", "attention_transfer", "tinybert", "mobilebert")
    for layers, agree in (([[1, 1], [2, 2]], True), ([[1, 2], [2, 4]], False), ("uniform", False), ("top", False)):
        losses = parse_losses([{name: {"layers": layers}} for name in names])
        _, parts = value(Objective(losses, TeacherSignal(None, teacher), student), student, rows, np.arange(12))
        assert all((float(part) < 1e-6) == agree for part in parts), (layers, parts)
    relations = [{name: {"teacher_layer": 1}} for name in ("minilm", "minilm_relations")]
    relations[1]["minilm_relations"]["heads"] = 2
    objective = Objective(parse_losses([*relations, "minilm"]), TeacherSignal(None, teacher), student)
    _, parts = value(objective, student, rows, np.arange(12))
    assert [float(part) < 1e-6 for part in parts] == [True, True, False]


def test_attention_is_seen_through_a_fused_kernel_too(rows: Any) -> None:
    """Asked for its attention, a model with torch's fused kernel gives none; queries and keys are there all the same."""
    from transformers import AutoModelForSequenceClassification

    from compactor.distillation.objective import Objective, TeacherSignal

    teacher, student = tiny.model(2), tiny.model(1)
    fused = AutoModelForSequenceClassification.from_config(teacher.config, attn_implementation="sdpa").eval()
    fused.load_state_dict(teacher.state_dict())
    losses = parse_losses(["tinybert", "minilm", "mobilebert"])
    values = [
        value(Objective(losses, TeacherSignal(None, model), student), student, rows, np.arange(12))[0].item()
        for model in (teacher, fused)
    ]
    assert values[0] == pytest.approx(values[1], rel=1e-5)
    assert values[0] > 0.1


def images() -> Any:
    """Return two images and a tiny model that sees, with large weights."""
    import torch
    from transformers import ViTConfig, ViTForImageClassification

    torch.manual_seed(0)
    shape = {"image_size": 16, "patch_size": 4, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = ViTForImageClassification(ViTConfig(**shape, intermediate_size=32, num_labels=3)).eval()
    return torch.randn(2, 3, 16, 16), model


@pytest.mark.parametrize("loss", [{"minilm": {}}, {"minilm_relations": {"heads": 2}}])
def test_attention_between_patches_is_a_mean_over_patches_whatever_else_is_compared(loss: dict[str, Any]) -> None:
    import torch

    from compactor.distillation.objective import Objective, TeacherSignal

    pixels, teacher = images()
    student = images()[1]
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.mul_(3)
    told = []
    for losses in ([loss], [loss, {"hidden_states": {"weight": 0.0}}]):
        objective = Objective(parse_losses(losses), TeacherSignal(None, teacher), student)
        _, parts = objective(student, {"pixel_values": pixels}, torch.tensor([0, 1]), np.arange(2), 0.0)
        told.append(float(parts[0]))
    assert told[0] > 0
    assert told[0] == pytest.approx(told[1])


def test_each_model_gets_the_inputs_that_it_knows() -> None:
    import torch

    from compactor.distillation.objective import Objective, TeacherSignal
    from compactor.models.feeding import given

    student, teacher = tiny.model(1, kind="distilbert"), tiny.model(2)
    with torch.no_grad():
        teacher.bert.embeddings.token_type_embeddings.weight.mul_(20)
    generator = np.random.default_rng(0)
    batch = {"input_ids": generator.integers(1, 50, (3, 6)), "attention_mask": np.ones((3, 6), dtype=np.int64)}
    batch["token_type_ids"] = np.repeat([[0, 0, 0, 1, 1, 1]], 3, axis=0)
    inputs = given(batch)
    with torch.no_grad():
        own = student(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], output_hidden_states=True)
        taught = teacher(**inputs, output_hidden_states=True)
    losses = parse_losses([{"hidden_states": {"layers": "last"}}])
    objective = Objective(losses, TeacherSignal(None, teacher), student)
    _, parts = objective(student, inputs, torch.tensor([0, 1, 2]), np.arange(3), 0.0)
    expected = torch.nn.functional.mse_loss(own.hidden_states[-1], taught.hidden_states[-1])
    assert float(parts[0]) == pytest.approx(float(expected), rel=1e-4)
