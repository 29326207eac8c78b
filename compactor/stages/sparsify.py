"""Set single weights to zero by SparseGPT, Wanda or magnitude, and let the others recover on the teacher's answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from compactor.base.artifact import Artifact
from compactor.base.errors import Problem
from compactor.base.settings import setting
from compactor.distillation.losses import needs
from compactor.pruning.pattern import Method, Sparsity
from compactor.stages._contract import Stage, Work
from compactor.stages._losses import loss_problems
from compactor.stages.prune import Recover

if TYPE_CHECKING:
    from compactor.targets import Target
    from compactor.tasks import Task

Found = Iterator[tuple[tuple[str | int, ...], Problem]]
DEFAULT_SHARE = 0.5
FULL = 0.95
HOW = 'give a pattern such as "2:4": of every 4 neighbours 2 stay'


class Sparsify(Stage):
    """Put zeros into the linear maps of a model's layers. The shapes stay, so nothing runs faster in stock onnxruntime."""

    takes: ClassVar[frozenset[str]] = frozenset({"torch"})
    gives: ClassVar[str] = "torch"
    uses_teacher: ClassVar[bool] = True
    makes_zeros: ClassVar[bool] = True

    method: Method = setting(
        "sparsegpt",
        "which weights go: by what leaving them out costs, the others making up for it (sparsegpt); by weight times activation (wanda); "
        "the smallest (magnitude)",
    )
    sparsity: float | None = setting(None, "share of the weights that become zero; 0.5 where no pattern is given", gt=0, lt=1)
    pattern: str | None = setting(None, "instead of a share, n:m: of every m neighbouring inputs at most n stay, as in 2:4")
    calibration: int = setting(256, "training rows whose activations are looked at", ge=1)
    block: int = setting(128, "sparsegpt: columns among which weights are compared and after which the rest is updated", ge=1)
    damping: float = setting(
        0.01, "sparsegpt: share of the mean input energy added to the diagonal of the inputs' products", gt=0
    )
    recover: Recover | None = setting(
        None, "train on the teacher's answers afterwards, zeros held: {epochs, learning_rate, ...}"
    )

    @property
    def uses_extra(self) -> bool:
        """Recovery trains on the rows that an augment stage made, unless it is told not to."""
        return self.recover is not None and self.recover.extra

    def asks_teacher(self, task: Task) -> frozenset[str]:
        """Return what the losses of recovery need."""
        return frozenset() if self.recover is None else needs(self.recover.terms(task))

    def problems(self, *, task: Task, target: Target) -> Found:
        """Yield what is wrong with these settings."""
        del target
        if self.recover is not None:
            yield from loss_problems(task, self.recover.terms(task), ("recover", "losses"))
        if self.pattern is not None and self.sparsity is not None:
            yield (
                ("pattern",),
                Problem("P240", "both sparsity and pattern are given", "a pattern says its share: leave one out"),
            )
        if self.pattern is not None and Sparsity.read(self.pattern) is None:
            yield ("pattern",), Problem("P241", f"pattern is {self.pattern!r}", HOW)
        if self.sparsity is not None and self.sparsity > FULL:
            sentence = f"sparsity is {self.sparsity}: hardly a weight would be left"
            yield (
                ("sparsity",),
                Problem("P242", sentence, f"{FULL} at most; a smaller model is better made by prune or distill"),
            )
        if self.method != "sparsegpt":
            for name in sorted({"block", "damping"} & self.model_fields_set):
                yield (name,), Problem("P243", f"{name} is a setting of sparsegpt alone", "leave it out")

    def run(self, source: Artifact | None, work: Work) -> None:
        """Fill `work.folder` with the sparse model."""
        from compactor.stages._sparsifying import Course

        assert source is not None
        course = Course(work, source.folder)
        wanted = Sparsity.read(self.pattern) if self.pattern is not None else Sparsity(self.sparsity or DEFAULT_SHARE)
        assert wanted is not None
        course.sparsify(wanted, self.method, rows=self.calibration, block=self.block, damping=self.damping)
        if self.recover is not None:
            course.recover(self.recover, self.recover.terms(work.task))
        course.save()
