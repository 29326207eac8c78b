"""Several processes train one model: process 0 begins a training and hands it to its helpers; sums travel between them.

The processes share the rows of every step, and a step's gradient is the sum over all of them, so that the result does not depend on
their number but for rounding and for the noise of dropout.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from compactor.base.errors import CompactorError, StageError
from compactor.distillation.launch import launch
from compactor.distillation.sending import pack, unpack

Value = TypeVar("Value")
# Helpers wait while process 0 reads data, exports and measures; a launcher ends them if it dies.
LONGEST_WAIT = timedelta(days=30)
GLOO_LETS_GO_SECONDS = 0.25


@dataclass(frozen=True)
class Crew:
    """The processes that train together, as seen by one of them; by default it is alone.

    Attributes:
        rank: its number; 0 leads, that is it writes, validates and reports.
        size: how many there are.
        local_size: how many of them share this machine.
        device: where this one computes.
    """

    rank: int
    size: int
    local_size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes, validates and reports."""
        return self.rank == 0

    def share(self, value: Value) -> Value:
        """Return the leader's value in every process; what the others give is not looked at."""
        if self.size == 1:
            return value
        sent: list[Any] = [pack(value) if self.leads else None]
        torch.distributed.broadcast_object_list(sent, src=0, device=torch.device("cpu"))
        return value if self.leads else unpack(sent[0])

    def add(self, tensor: Tensor) -> Tensor:
        """Return the sum over all processes, in place."""
        if self.size > 1:
            torch.distributed.all_reduce(tensor)
        return tensor

    def add_gradients(self, parameters: list[nn.Parameter], figures: Tensor) -> Tensor:
        """Replace gradients by their sums over all processes; return the sums of `figures`, which travel along.

        A parameter without a gradient in every process keeps none: an optimizer leaves it alone, decay included.
        """
        if self.size == 1:
            return figures
        parts = [torch.zeros_like(each) if each.grad is None else each.grad for each in parameters]
        there = torch.tensor([each.grad is not None for each in parameters], device=self.device)
        flat = self.add(torch.cat([part.reshape(-1).float() for part in (*parts, there, figures)]))
        pieces = torch.split(flat, [*(each.numel() for each in parameters), len(parameters), figures.numel()])
        for each, piece, count in zip(parameters, pieces, pieces[-2].tolist(), strict=False):
            each.grad = piece.view_as(each).to(each.dtype) if count else None
        return pieces[-1]

    def dismiss(self) -> None:
        """Send the helpers home."""
        self.share(None)
        _leave()


@cache
def connect() -> Crew:
    """Join the processes of this launch; the first call waits for all of them.

    Raises:
        StageError: L152 this machine has GPUs, but fewer than processes.
    """
    known = launch()
    cuda = torch.cuda.is_available()
    if known.size == 1:
        return Crew(0, 1, 1, torch.device("cuda" if cuda else "cpu"))
    if cuda:
        if known.local_size > torch.cuda.device_count():
            raise StageError(
                "L152",
                f"{known.local_size} processes shall share {torch.cuda.device_count()} GPU",
                "start one process for each GPU (torchrun --nproc-per-node), or hide the GPUs with CUDA_VISIBLE_DEVICES=''",
            )
        torch.cuda.set_device(known.local_rank)
    torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=LONGEST_WAIT)
    return Crew(
        known.rank, known.size, known.local_size, torch.device("cuda", known.local_rank) if cuda else torch.device("cpu")
    )


def help_out() -> None:
    """Take part in every training that process 0 begins, until it sends its helpers home or is gone."""
    from compactor.base.reporter import Reporter
    from compactor.distillation.loop import Training

    crew = connect()
    try:
        while (job := crew.share(None)) is not None:
            Training(job, crew, None, Reporter()).run(None, "")
    except CompactorError as error:
        print(f"process {crew.rank}: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except RuntimeError as error:
        if "onnection" not in str(error):
            raise
        raise SystemExit(1) from None  # process 0 has ended, and has said why
    _leave()


def _leave() -> None:
    """Take down the connections, and let their thread drop what it last sent.

    These are tensors known to Python. Gloo's thread drops them a moment after they were sent; when the interpreter is gone by then, the
    process ends in an abort although all its work is done (seen in one of ten launches on a busy machine).
    """
    torch.distributed.destroy_process_group()
    connect.cache_clear()
    time.sleep(GLOO_LETS_GO_SECONDS)
