"""Early exits: a small head after inner layers, taught by the labels and by the last layer's answer.

What: for each exit labels * cross-entropy + (1 - labels) * D(last layer's answer || exit's answer), averaged over the exits; D is the
    task's divergence from a teacher. The deeper layers teach the shallower ones, whose features serve them in turn.
Source: Zhang et al. 2019, Be Your Own Teacher (arXiv:1905.08094), equations 1 to 3, without its hint term (use `hidden_states`); for
    encoders of text Liu et al. 2020, FastBERT (arXiv:2004.02178), section 3.3.
Takes: the state of the first piece after the named layers, (rows, width), through one linear map to the labels.
Neighbours: the heads stay in the artifact as `exits.safetensors` with `exits.json`; the model's own file does not know them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from compactor.base.atomic import write_json
from compactor.base.errors import StageError
from compactor.distillation.losses import Batch, Loss, Outputs
from compactor.distillation.regimes.together import Companion, Seen, share
from compactor.distillation.schedules import Schedule, value_at
from compactor.models.families import describe
from compactor.models.saving import write_error

WEIGHTS, SHAPE = "exits.safetensors", "exits.json"
FIRST_SPREAD = 0.02


class Exits(Companion):
    """Heads after inner layers.

    Args:
        student: asked for its layers and width.
        layers: after which, from 1.
        classes: number of labels.
        label_loss, teacher_loss: the task's.
        weight: of all exits together.
        labels: share of the label term; the last layer's answer has the rest.
        seed: for the heads' first weights.
    """

    names = ("exits/labels", "exits/last_layer")
    watches = True

    def __init__(
        self,
        student: nn.Module,
        layers: Sequence[int],
        classes: int,
        *,
        label_loss: Loss,
        teacher_loss: Loss,
        weight: float | Schedule,
        labels: float,
        seed: int,
    ) -> None:
        super().__init__()
        self.layers, self.classes, self.weight, self.share_of_labels = tuple(layers), classes, weight, labels
        self.label_loss, self.teacher_loss = label_loss, teacher_loss
        if describe(student).causal:
            sentence = "an early exit reads the first piece, and a decoder's sees nothing of the text"
            raise StageError("L242", sentence, "leave exits out, or choose a student that is an encoder")
        self.width = describe(student).hidden
        generator = torch.Generator().manual_seed(seed)
        self.heads = nn.ModuleDict({str(layer): _head(self.width, classes, generator) for layer in layers})
        self._states = States(self.layers)

    def begin(self, student: nn.Module) -> None:
        """Look at the student's layers from now on."""
        self._states.watch(student)

    def finish(self, student: nn.Module) -> None:
        """Stop looking."""
        self._states.leave()

    def counts(self, labels: Tensor, mask: Tensor, rows: np.ndarray) -> Tensor:
        """Return what both terms will count."""
        counted = [float(loss.count(labels, mask)) for loss in (self.label_loss, self.teacher_loss)]
        return torch.tensor(counted, dtype=torch.float64)

    def forward(self, seen: Seen, counts: Sequence[float] | None) -> tuple[Tensor, list[Tensor]]:
        """Return the weighted terms, and their means over the exits."""
        answers = self.answers()
        by_label, by_last = [], []
        for answer in answers.values():
            batch = Batch(Outputs(answer), Outputs(seen.logits.detach()), seen.labels, seen.mask, seen.progress)
            by_label.append(share(*self.label_loss(batch), counts, 0))
            by_last.append(share(*self.teacher_loss(batch), counts, 1))
        means = [torch.stack(by_label).mean(), torch.stack(by_last).mean()]
        weight = value_at(self.weight, seen.progress)
        total = weight * (self.share_of_labels * means[0] + (1.0 - self.share_of_labels) * means[1])
        return total, [mean.detach() for mean in means]

    def answers(self) -> dict[int, Tensor]:
        """Return the exits' logits (rows, labels) for the batch that the student saw last, by layer."""
        return {layer: self.heads[str(layer)](self._states.first_pieces[layer]) for layer in self.layers}

    def save(self, folder: Path, further: Mapping[str, Any]) -> None:
        """Write the heads beside the model: `exits.safetensors`, and `exits.json` that says what they are."""
        from safetensors.torch import save_file

        tensors = {name: value.detach().cpu().contiguous() for name, value in self.heads.state_dict().items()}
        try:
            save_file(tensors, folder / WEIGHTS)
        except Exception as error:  # safetensors wraps a failed write in a class of its own
            raise write_error(error, folder) from error
        shape = {"layers": list(self.layers), "reads": "state of the first piece after the layer", "head": "linear"}
        write_json(folder / SHAPE, {"schema": 1, **shape, "width": self.width, "labels": self.classes, **further})


class States:
    """The first piece's state after some layers, for the batch that went through last."""

    def __init__(self, layers: tuple[int, ...]) -> None:
        self._layers = layers
        self._handles: list[RemovableHandle] = []
        self.first_pieces: dict[int, Tensor] = {}

    def watch(self, model: nn.Module) -> None:
        """Begin to look at a model's layers."""
        self.leave()
        parts = describe(model).layers
        self._handles = [parts[layer - 1].register_forward_hook(self._keeper(layer)) for layer in self._layers]

    def leave(self) -> None:
        """Stop looking."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self.first_pieces = {}

    def __enter__(self) -> States:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.leave()

    def _keeper(self, layer: int) -> Any:
        def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
            states = output[0] if isinstance(output, tuple) else output
            self.first_pieces[layer] = states[:, 0].float()  # the heads stand outside of a training in bf16

        return keep


def _head(width: int, classes: int, generator: torch.Generator) -> nn.Linear:
    head = nn.Linear(width, classes)
    with torch.no_grad():
        head.weight.copy_(torch.randn(classes, width, generator=generator) * FIRST_SPREAD)
        head.bias.zero_()
    return head
