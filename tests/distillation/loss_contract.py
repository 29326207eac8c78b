"""What every loss must keep to; a new loss, shipped or a user's own, is put through `check`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

ROWS, LENGTH, WIDTH, LAYERS, HEADS, LABELS = 6, 7, 24, 2, 4, 5


def shape(width: int = WIDTH, *, layers: int = LAYERS, heads: int = HEADS, labels: int = LABELS) -> Any:
    """Return the shape of a model as a loss sees it."""
    from compactor.distillation.losses import Shape

    return Shape(layers, width, (width,) * layers, (heads,) * layers, labels)


def batch(
    seed: int = 0, *, loss: Any = None, student_width: int = WIDTH, layers: int = LAYERS, padded: int = 0, progress: float = 0.5
) -> Any:
    """Return a batch of random outputs; the last `padded` pieces of each row are padding.

    `loss` decides what labels look like, and which trained matrices there are (here a fixed random draw).
    """
    import torch

    from compactor.distillation.losses import Batch, Outputs

    def outputs(number: int, width: int) -> Outputs:
        generator = torch.Generator().manual_seed(number)

        def random(*size: int) -> Any:
            return torch.randn(*size, generator=generator).requires_grad_(True)

        relations: Any = {layer: tuple(random(ROWS, LENGTH, width) for _ in range(3)) for layer in range(layers)}
        states = tuple(random(ROWS, LENGTH, width) for _ in range(layers + 1))
        return Outputs(random(ROWS, LABELS), states, relations, shape(width, layers=layers))

    mask = torch.ones(ROWS, LENGTH, dtype=torch.int64)
    if padded:
        mask[:, -padded:] = 0
    student, teacher = outputs(seed, student_width), outputs(seed + 100, WIDTH)
    return Batch(student, teacher, labels_for(loss), mask, progress, matrices(loss, student.shape, teacher.shape))


def labels_for(loss: Any) -> Any:
    """Return labels of the kind that a loss takes."""
    import torch

    kinds = {"class"} if loss is None or loss.label_kinds is None else loss.label_kinds
    if "class" in kinds:
        return torch.arange(ROWS) % LABELS
    numbers = torch.randn(ROWS, LABELS, generator=torch.Generator().manual_seed(1))
    return (numbers > 0).float() if "classes" in kinds else numbers


def matrices(loss: Any, student: Any, teacher: Any) -> dict[str, Any]:
    """Return the matrices that a loss trains along."""
    import torch

    generator = torch.Generator().manual_seed(2)
    sizes = {} if loss is None else loss.parameters(student, teacher)
    return {name: torch.randn(size, generator=generator) * size[1] ** -0.5 for name, size in sizes.items()}


def mean(loss: Any, given: Any) -> Any:
    """Return the loss as the objective counts it."""
    total, count = loss(given)
    return total / count


def leaves(outputs: Any) -> list[Any]:
    """Return all tensors of a model's outputs, in the order in which `changed` goes through them."""
    relations = [tensor for three in outputs.relations.values() for tensor in three]
    return [outputs.logits, *relations, *outputs.hidden_states]


def changed(outputs: Any, logits: Callable[[Any], Any], inside: Callable[[Any], Any]) -> Any:
    """Return outputs with functions applied to the logits and to what lies before them."""
    first = logits(outputs.logits)
    relations = {layer: tuple(inside(tensor) for tensor in three) for layer, three in outputs.relations.items()}
    states = tuple(inside(tensor) for tensor in outputs.hidden_states)
    return replace(outputs, logits=first, hidden_states=states, relations=relations)


def rows_of(given: Any, rows: Any) -> Any:
    """Return a batch of some of the rows, in the order given."""

    def pick(tensor: Any) -> Any:
        return tensor[rows]

    student, teacher = (changed(outputs, pick, pick) for outputs in (given.student, given.teacher))
    return replace(given, student=student, teacher=teacher, labels=given.labels[rows], mask=given.mask[rows])


def check(loss: Any) -> None:
    """Assert what holds for every loss."""
    _is_finite_and_teaches_the_student_alone(loss)
    _counts_what_it_said(loss)
    _ignores_padding(loss)
    _ignores_the_order_of_rows(loss)
    _is_finite_on_few_and_on_equal_rows(loss)
    _reads_inside_the_teacher_what_it_names(loss)
    if not loss.relates_rows:
        _is_the_sum_of_its_parts(loss)
    if loss.wants() - {"labels"} and loss.reaches_zero:
        _is_zero_where_student_and_teacher_agree(loss)


def _is_finite_and_teaches_the_student_alone(loss: Any) -> None:
    given = batch(loss=loss)
    value = mean(loss, given)
    assert value.ndim == 0
    assert bool(value.isfinite())
    assert value.item() > 0
    value.backward()
    assert any(tensor.grad is not None and float(tensor.grad.abs().sum()) > 0 for tensor in leaves(given.student))
    assert all(bool(tensor.grad.isfinite().all()) for tensor in leaves(given.student) if tensor.grad is not None)


def _counts_what_it_said(loss: Any) -> None:
    """Before any model runs: steps cut into micro-batches are divided by it."""
    given = batch(loss=loss, padded=2)
    labels = given.labels.clone()
    labels[1] = float("nan") if labels.is_floating_point() else -1
    given = replace(given, labels=labels)
    total, count = loss(given)
    assert bool(total.isfinite()), "a row without a label"
    assert float(count) == float(loss.count(given.labels, given.mask))


def _ignores_padding(loss: Any) -> None:
    """What stands at padded pieces changes neither value nor gradient, and cutting it off changes nothing."""
    import torch

    first, second = batch(loss=loss, padded=3), batch(loss=loss, padded=3)
    with torch.no_grad():
        for outputs in (second.student, second.teacher):
            for tensor in leaves(outputs)[1:]:
                tensor[:, -3:] += 7.0
    assert torch.allclose(mean(loss, first), mean(loss, second), atol=1e-5)
    gradients = torch.autograd.grad(mean(loss, second), leaves(second.student)[1:], allow_unused=True)
    assert all(float(gradient[:, -3:].abs().max()) == 0 for gradient in gradients if gradient is not None)
    student, teacher = (
        changed(outputs, lambda logits: logits, lambda tensor: tensor[:, :-3]) for outputs in (first.student, first.teacher)
    )
    shorter = replace(first, student=student, teacher=teacher, mask=first.mask[:, :-3])
    assert torch.allclose(mean(loss, first), mean(loss, shorter), atol=1e-5)


def _ignores_the_order_of_rows(loss: Any) -> None:
    import torch

    given = batch(loss=loss)
    assert torch.allclose(mean(loss, given), mean(loss, rows_of(given, [3, 0, 5, 1, 4, 2])), atol=1e-6)


def _is_the_sum_of_its_parts(loss: Any) -> None:
    """A step of 6 rows is one of 4 and 2 whose sums and counts are added: no mean is taken before."""
    import torch

    given = batch(loss=loss, padded=1)
    with torch.no_grad():
        whole = loss(given)
        parts = [loss(rows_of(given, rows)) for rows in ([0, 1, 2, 3], [4, 5])]
    assert torch.allclose(whole[0], parts[0][0] + parts[1][0], rtol=1e-5)
    assert float(whole[1]) == float(parts[0][1]) + float(parts[1][1])


def _is_finite_on_few_and_on_equal_rows(loss: Any) -> None:
    """Batches of one and two rows, and rows that are the same text twice."""
    import torch

    for rows in ([0], [0, 1], [0, 0, 1]):
        given = rows_of(batch(loss=loss), rows)
        total, _ = loss(given)
        if total.requires_grad:
            gradients = torch.autograd.grad(total, leaves(given.student), allow_unused=True)
            assert all(float(gradient.abs().max()) < 1e4 for gradient in gradients if gradient is not None)
        assert bool(total.isfinite())


def _reads_inside_the_teacher_what_it_names(loss: Any) -> None:
    """Nothing else of the teacher is kept while a student learns; at the end of training all that it reads has been read."""
    from compactor.distillation.inside import KeptStates

    given = batch(loss=loss, progress=1.0)
    own, taught = given.student.shape, given.teacher.shape
    states = {number: given.teacher.hidden_states[number] for number in loss.teacher_states(own, taught)}
    relations = {number: given.teacher.relations[number] for _, number in loss.relation_layers(own, taught)}
    kept = replace(given.teacher, hidden_states=KeptStates(states, taught.layers + 1), relations=relations)
    assert mean(loss, replace(given, teacher=kept)).item() == mean(loss, given).item()


def _is_zero_where_student_and_teacher_agree(loss: Any) -> None:
    """Value and gradient; so the curve tells how far the student is, and a true divergence is not a cross-entropy."""
    import torch

    given = replace(batch(loss=loss, padded=2), parameters={name: torch.eye(WIDTH) for name in batch(loss=loss).parameters})
    same = replace(given, teacher=_detached(given.student))
    assert abs(mean(loss, same).item()) < 1e-6
    gradients = torch.autograd.grad(mean(loss, same), leaves(given.student), allow_unused=True)
    assert all(float(gradient.abs().max()) < 1e-5 for gradient in gradients if gradient is not None)
    assert mean(loss, given).item() > 1e-4


def _detached(outputs: Any) -> Any:
    import torch

    return changed(outputs, torch.Tensor.detach, torch.Tensor.detach)
