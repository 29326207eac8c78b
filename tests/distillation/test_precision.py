"""bf16 inside, fp32 at the head; and layers computed again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compactor.base.errors import StageError
from tests.distillation import tiny

pytestmark = pytest.mark.model


def gradients(model: Any, rows: Any, precision: Any, again: bool = False) -> tuple[dict[str, Any], Any]:
    """Return gradients and logits of one batch with terms that look inside."""
    import torch

    from compactor.distillation.losses import parse_losses
    from compactor.distillation.objective import Objective, TeacherSignal
    from compactor.distillation.precision import computing_again, computing_in
    from compactor.models.feeding import feed

    model.train()
    losses = parse_losses([{"minilm_relations": {"heads": 2}}, {"hidden_states": {"weight": 0.1}}, "cross_entropy"])
    objective = Objective(losses, TeacherSignal(None, tiny.model(2, hidden=24)), model)
    batch, device = rows.batch(np.arange(12)), torch.device("cpu")
    inputs, seen = feed(model, batch), {}
    handle = model.classifier.register_forward_hook(lambda _module, given, output: seen.update(given=given[0], logits=output))
    torch.manual_seed(0)
    with computing_in(precision, model, device), computing_again(again, model):
        total, _ = objective(model, inputs, torch.from_numpy(batch["labels"]), np.arange(12), 0.0)
        total.backward()
    handle.remove()
    return {name: value.grad for name, value in model.named_parameters() if value.grad is not None}, seen


def test_bf16_stays_inside_the_layers(rows: Any) -> None:
    import torch

    inside: list[Any] = []
    model = tiny.model(1, dropout=0.0)
    model.bert.encoder.layer[0].intermediate.register_forward_hook(lambda _m, _g, output: inside.append(output.dtype))
    lowered, seen = gradients(model, rows, "bf16")
    exact, _ = gradients(tiny.model(1, dropout=0.0), rows, "fp32")
    assert inside == [torch.bfloat16]
    assert seen["given"].dtype == seen["logits"].dtype == torch.float32
    assert all(value.dtype == torch.float32 for value in lowered.values())
    for name, value in exact.items():
        if not name.endswith("key.bias"):
            cosine = torch.nn.functional.cosine_similarity(value.flatten(), lowered[name].flatten(), dim=0)
            assert float(cosine) > 0.98, name
    assert not torch.equal(exact["classifier.weight"], lowered["classifier.weight"])
    assert "forward" not in vars(model.bert), "the model is as it was"


def test_layers_computed_again_give_the_same_gradients_dropout_included(rows: Any) -> None:
    import torch

    plain, _ = gradients(tiny.model(1, dropout=0.3), rows, "fp32")
    model, calls = tiny.model(1, dropout=0.3), [0]

    def count(*_given: Any) -> None:
        calls[0] += 1

    model.bert.encoder.layer[0].intermediate.register_forward_hook(count)
    again, _ = gradients(model, rows, "fp32", again=True)
    assert calls == [2]
    assert plain.keys() == again.keys()
    for name, value in plain.items():
        assert torch.allclose(value, again[name], atol=1e-7), name
    calls[0] = 0
    gradients(model, rows, "fp32")
    assert calls == [1], "the model is as it was"


@pytest.mark.parametrize(
    ("instructions", "chosen"),
    [
        (["avx2", "avx512_vnni"], "fp32"),
        (["avx512_bf16", "avx512_vnni"], "bf16"),
        (["amx_bf16", "amx_tile"], "bf16"),
        (["asimd", "bf16"], "fp32"),
    ],
)
def test_auto_is_bf16_on_a_processor_that_has_it(instructions: list[str], chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from torch import nn

    from compactor.distillation import precision

    monkeypatch.setattr(precision, "machine", lambda: {"instruction_sets": instructions})
    assert precision.choose_precision("auto", torch.device("cpu"), tiny.model(1)) == chosen
    assert precision.choose_precision("auto", torch.device("cpu"), nn.Linear(2, 2)) == "fp32", (
        "it has no body apart from its head"
    )


def test_a_teacher_without_a_body_answers_in_fp32() -> None:
    import torch
    from torch import nn

    from compactor.distillation.precision import answering_precision

    assert answering_precision("bf16", torch.device("cpu"), tiny.model(1)) == "bf16"
    assert answering_precision("bf16", torch.device("cpu"), nn.Linear(2, 2)) == "fp32"


def test_what_cannot_be_is_refused() -> None:
    import torch
    from torch import nn

    from compactor.distillation.precision import choose_precision, computing_again

    model, cpu = tiny.model(1), torch.device("cpu")
    assert choose_precision("fp32", cpu, model) == "fp32"
    assert choose_precision("bf16", cpu, model) == "bf16"
    with pytest.raises(StageError, match="no body apart from its head"):
        choose_precision("bf16", cpu, nn.Linear(2, 2))
    with pytest.raises(StageError, match="no layers to compute again"), computing_again(True, nn.Linear(2, 2)):
        pass
