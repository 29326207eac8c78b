"""Several models' answers as one: the mean of their probabilities, as logits that any loss can take."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def mean_of_answers(answers: Sequence[Tensor], weights: Sequence[float], problem_type: str) -> Tensor:
    """Return the logits whose probabilities are the weighted mean of the given models' probabilities.

    Probabilities are averaged, not logits: the mean of logits is a geometric mean, in which one model that is sure of a class's absence
    overrules all others. Source: Hinton, Vinyals, Dean 2015 (arXiv:1503.02531), section 2; Lakshminarayanan et al. 2017
    (arXiv:1612.01474), section 2.4. At temperature 1 the student's gradient is that of the weighted mean of the divergences from each
    teacher; at another temperature it is the mean that is tempered, as one teacher's answer would be.

    Args:
        answers: logits (rows, labels) of each model, labels in one order; NaN in rows that a model did not answer, where the mean is that
            of the others.
        weights: of each model, more than 0; only their proportions count.
        problem_type: `single_label_classification` (softmax), `multi_label_classification` (a sigmoid for each label) or `regression`
            (numbers are averaged as they are).

    Returns:
        float32 (rows, labels); for classes normalised log-probabilities. NaN where nobody answered.
    """
    stacked = torch.stack([answer.float() for answer in answers])
    shares = torch.tensor(list(weights), dtype=torch.float32, device=stacked.device)
    shares = (shares / shares.sum()).view(-1, *[1] * (stacked.ndim - 1))
    if problem_type == "regression":
        return (stacked * shares).sum(dim=0)
    if problem_type == "multi_label_classification":
        present = torch.logsumexp(F.logsigmoid(stacked) + shares.log(), dim=0)
        absent = torch.logsumexp(F.logsigmoid(-stacked) + shares.log(), dim=0)
        return present - absent
    given = ~stacked.isnan().any(dim=-1, keepdim=True)
    if not given.all():
        shares = shares * given
        shares = shares / shares.sum(dim=0, keepdim=True)  # 0 / 0 is NaN, as wanted, where nobody answered
        stacked = stacked.nan_to_num()
    return torch.logsumexp(F.log_softmax(stacked, dim=-1) + shares.log(), dim=0)
