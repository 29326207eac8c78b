"""What every loss must keep to; a new loss, shipped or a user's own, is put through `check`."""

from __future__ import annotations

from typing import Any

ROWS, LENGTH, WIDTH, LAYERS, LABELS = 6, 7, 24, 2, 5


def batch(seed: int = 0, *, student_width: int = WIDTH, padded: int = 0, progress: float = 0.5) -> Any:
    """Return a batch of random outputs; the last `padded` pieces of each row are padding."""
    import torch

    from compactor.distillation.losses import Batch, Outputs

    def outputs(number: int, width: int) -> Outputs:
        generator = torch.Generator().manual_seed(number)

        def random(*shape: int) -> Any:
            return torch.randn(*shape, generator=generator).requires_grad_(True)

        relations = tuple(random(ROWS, LENGTH, width) for _ in range(3))
        states = tuple(random(ROWS, LENGTH, width) for _ in range(LAYERS + 1))
        return Outputs(random(ROWS, LABELS), states, {-1: relations})  # type: ignore[dict-item]

    mask = torch.ones(ROWS, LENGTH, dtype=torch.int64)
    if padded:
        mask[:, -padded:] = 0
    labels = torch.arange(ROWS) % LABELS
    return Batch(outputs(seed, student_width), outputs(seed + 100, WIDTH), labels, mask, progress)


def mean(loss: Any, given: Any) -> Any:
    """Return the loss as the objective counts it."""
    total, count = loss(given)
    return total / count


def leaves(outputs: Any) -> list[Any]:
    """Return all tensors of a model's outputs."""
    return [outputs.logits, *outputs.hidden_states, *(tensor for three in outputs.relations.values() for tensor in three)]


def check(loss: Any) -> None:
    """Assert what holds for every loss."""
    _is_finite_and_teaches_the_student_alone(loss)
    _counts_what_it_said(loss)
    _ignores_padding(loss)
    _ignores_the_order_of_rows(loss)
    if loss.needs - {"labels"}:
        _is_zero_where_student_and_teacher_agree(loss)


def _is_finite_and_teaches_the_student_alone(loss: Any) -> None:
    given = batch()
    value = mean(loss, given)
    assert value.ndim == 0
    assert bool(value.isfinite())
    assert value.item() > 0
    value.backward()
    assert any(tensor.grad is not None and float(tensor.grad.abs().sum()) > 0 for tensor in leaves(given.student))
    assert all(bool(tensor.grad.isfinite().all()) for tensor in leaves(given.student) if tensor.grad is not None)


def _counts_what_it_said(loss: Any) -> None:
    """Before any model runs: steps cut into micro-batches are divided by it."""
    from dataclasses import replace

    given = batch(padded=2)
    given = replace(given, labels=given.labels.clone().index_fill_(0, given.labels.new_tensor([1]), -100))
    assert float(loss(given)[1]) == float(loss.count(given.labels, given.mask))


def _ignores_padding(loss: Any) -> None:
    """What stands at padded pieces changes neither value nor gradient, and cutting it off changes nothing."""
    import torch

    first, second = batch(padded=3), batch(padded=3)
    with torch.no_grad():
        for outputs in (second.student, second.teacher):
            for tensor in leaves(outputs)[1:]:
                tensor[:, -3:] += 7.0
    assert torch.allclose(mean(loss, first), mean(loss, second), atol=1e-5)
    from dataclasses import replace

    def cut(outputs: Any) -> Any:
        states = tuple(tensor[:, :-3] for tensor in outputs.hidden_states)
        relations = {layer: tuple(tensor[:, :-3] for tensor in three) for layer, three in outputs.relations.items()}
        return replace(outputs, hidden_states=states, relations=relations)

    shorter = replace(first, student=cut(first.student), teacher=cut(first.teacher), mask=first.mask[:, :-3])
    assert torch.allclose(mean(loss, first), mean(loss, shorter), atol=1e-5)


def _ignores_the_order_of_rows(loss: Any) -> None:
    import torch

    given, order = batch(), torch.tensor([3, 0, 5, 1, 4, 2])
    from dataclasses import replace

    def turned(outputs: Any) -> Any:
        relations = {layer: tuple(tensor[order] for tensor in three) for layer, three in outputs.relations.items()}
        return replace(
            outputs,
            logits=outputs.logits[order],
            hidden_states=tuple(s[order] for s in outputs.hidden_states),
            relations=relations,
        )

    other = replace(
        given, student=turned(given.student), teacher=turned(given.teacher), labels=given.labels[order], mask=given.mask[order]
    )
    assert torch.allclose(mean(loss, given), mean(loss, other), atol=1e-6)


def _is_zero_where_student_and_teacher_agree(loss: Any) -> None:
    from dataclasses import replace

    import torch

    given = batch(padded=2)
    same = replace(given, teacher=given.student)
    value = mean(loss, same)
    assert abs(value.item()) < 1e-6
    gradients = torch.autograd.grad(
        mean(loss, replace(given, teacher=_detached(given.student))), leaves(given.student), allow_unused=True
    )
    assert all(float(gradient.abs().max()) < 1e-5 for gradient in gradients if gradient is not None)


def _detached(outputs: Any) -> Any:
    from dataclasses import replace

    relations = {layer: tuple(tensor.detach() for tensor in three) for layer, three in outputs.relations.items()}
    states = tuple(tensor.detach() for tensor in outputs.hidden_states)
    return replace(outputs, logits=outputs.logits.detach(), hidden_states=states, relations=relations)
