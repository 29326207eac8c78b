"""Deep mutual learning: students trained together, each taught by the mean of the others' answers beside the teacher and the labels.

What: the student's own terms + weight * D(mean of the peers' probabilities || own), D being the task's divergence from a teacher (for
    classes tau² KL). The gradient equals that of the mean of the divergences from each peer, which the paper uses.
Source: Zhang et al. 2018, Deep Mutual Learning (arXiv:1706.00384), equations 4 to 8. All students step at once on the same batch, where the
    paper's algorithm 1 lets one student step after another.
Takes: logits of all students. Gradient never flows into a peer through its teaching.
Neighbours: `ema_teacher` teaches by the student's own past; `teachers` by models that are finished.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from compactor.distillation.losses import Loss
from compactor.distillation.objective import Objective
from compactor.distillation.regimes.averaging import mean_of_answers
from compactor.distillation.regimes.together import Companion, Seen, Watched, share
from compactor.distillation.schedules import Schedule, value_at


class Mutual(Companion):
    """The peers of the student in training: they are trained here, and teach it as it teaches them.

    Args:
        peers: further students.
        objectives: of each peer, with the same terms as the student's own.
        loss: the divergence between two answers.
        weight: of that divergence, for every student.
        problem_type: what the mean of answers means, see `mean_of_answers`.
    """

    def __init__(
        self,
        peers: Sequence[nn.Module],
        objectives: Sequence[Objective],
        *,
        loss: Loss,
        weight: float | Schedule,
        problem_type: str,
    ) -> None:
        super().__init__()
        self.peers, self.objectives = nn.ModuleList(peers), nn.ModuleList(objectives)
        self.loss, self.weight, self.problem_type = loss, weight, problem_type
        self._own = list(objectives[0].terms)
        names = [f"peer-{number}/{name}" for number in range(2, len(peers) + 2) for name in (*self._own, "mutual")]
        self.names = ("mutual", *names)

    def counts(self, labels: Tensor, mask: Tensor, rows: np.ndarray) -> Tensor:
        """Return what each term will count."""
        compared = torch.tensor([float(self.loss.count(labels, mask))], dtype=torch.float64)
        own = [objective.counts(labels, mask, rows) for objective in self._objectives]
        return torch.cat([compared, *(part for each in own for part in (each, compared))])

    def forward(self, seen: Seen, counts: Sequence[float] | None) -> tuple[Tensor, list[Tensor]]:
        """Return what all students add, and the means."""
        answers, totals, parts = [seen.logits], list[Tensor](), list[list[Tensor]]()
        width = len(self._own)
        for number, (peer, objective) in enumerate(zip(self.peers, self._objectives, strict=True)):
            start = 1 + number * (width + 1)
            mine = None if counts is None else counts[start : start + width]
            with Watched(peer) as watched:
                total, means = objective(peer, seen.inputs, seen.given_labels, seen.rows, seen.progress, mine)
            answers.append(seen.answers(watched.logits))
            totals.append(total)
            parts.append(list(means))
        taught = [self._taught(seen, answers, number, counts) for number in range(len(answers))]
        weight = value_at(self.weight, seen.progress)
        added = torch.stack(totals).sum() + weight * torch.stack(taught).sum()
        told = [taught[0].detach()]
        for means_of_peer, mean in zip(parts, taught[1:], strict=True):
            told += [*means_of_peer, mean.detach()]
        return added, told

    def begin(self, student: nn.Module) -> None:
        """Put the peers into training mode."""
        self.peers.train()

    def _taught(self, seen: Seen, answers: list[Tensor], number: int, counts: Sequence[float] | None) -> Tensor:
        """Return the divergence of one student from the mean of the others."""
        others = [answer.detach() for other, answer in enumerate(answers) if other != number]
        mean = mean_of_answers(others, [1.0] * len(others), self.problem_type)
        return share(*seen.compared(self.loss, answers[number], mean), counts, 0)

    @property
    def _objectives(self) -> list[Objective]:
        return [objective for objective in self.objectives if isinstance(objective, Objective)]
