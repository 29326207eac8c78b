"""Whether this command was started once, or several times together by torchrun or accelerate. Light: standard library only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Launch:
    """What the launcher says about this process.

    Attributes:
        rank: its number among all, from 0.
        size: how many there are, on all machines.
        local_rank, local_size: the same among those on this machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1


def launch() -> Launch:
    """Read the variables that torchrun and `accelerate launch` set (torch.distributed, "environment variable initialization")."""

    def number(name: str, default: int) -> int:
        return int(os.environ.get(name) or default)

    size = number("WORLD_SIZE", 1)
    if size == 1:
        return Launch()
    return Launch(number("RANK", 0), size, number("LOCAL_RANK", 0), number("LOCAL_WORLD_SIZE", size))


@contextmanager
def leading() -> Iterator[bool]:
    """Tell process 0 (True) from its helpers (False); a helper has done all its work when the block begins.

    Process 0 alone reads the profile, fills the store, measures and reports; whenever it trains, the helpers train with it. After a
    good end they are sent home; after an error they see the connection close, and the launcher ends them.
    """
    if launch().size == 1:
        yield True
        return
    from compactor.distillation.processes import connect, help_out

    if launch().rank:
        help_out()
        yield False
        return
    crew = connect()
    yield True
    crew.dismiss()
