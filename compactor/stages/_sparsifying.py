"""The way of one model through the sparsify stage: zeros map by map, recovery that holds them, and what they are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from compactor.base.errors import StageError
from compactor.base.finding import Finding
from compactor.pruning.sparsify import sparse_maps, sparsify, zeros
from compactor.stages import _pruning

if TYPE_CHECKING:
    from compactor.distillation.losses import LossTerm
    from compactor.distillation.objective import Objective, TeacherSignal
    from compactor.distillation.trainer import TrainSettings
    from compactor.pruning.pattern import Method, Sparsity


class Course(_pruning.Course):
    """One model, and the zeros that were put into it."""

    stage: ClassVar[str] = "sparsify"

    def sparsify(self, sparsity: Sparsity, method: Method, *, rows: int, block: int, damping: float) -> None:
        """Put the zeros in and tell what that did to each map's answers."""
        batches, reporter = self.calibration(rows), self.work.reporter
        with reporter.bar("sparsifying", len(sparse_maps(self.model)), "maps") as bar:
            maps = sparsify(self.model, batches, sparsity, method, block=block, damping=damping, done=bar.advance)
        masks = zeros(self.model).values()
        count, weights = sum(int(mask.sum()) for mask in masks), sum(mask.numel() for mask in masks)
        self.work.facts["sparsity"] = {
            "method": method,
            "pattern": f"{sparsity.group - sparsity.zeros(sparsity.group)}:{sparsity.group}" if sparsity.group else None,
            "zeros": count,
            "share_of_layers": round(count / weights, 6),
            "share_of_model": round(count / self.work.facts["parameters_before"]["total"], 6),
            "maps": maps,
        }
        self._score("sparse")
        sentence = f"{count / weights:.0%} of the weights of the layers are zero, and stock onnxruntime multiplies by zeros as by others"
        hint = "for speed prune heads, neurons or layers, or quantize; zeros make smaller only what is compressed for download"
        reporter.finding(Finding("K242", "note", sentence, hint, self.stage))

    def recover(self, settings: TrainSettings, losses: tuple[LossTerm, ...]) -> None:
        """Train on the teacher's answers; every zero is a zero afterwards, to the bit.

        Raises:
            StageError: K243 one is not.
        """
        before = zeros(self.model)
        super().recover(settings, losses)
        after: Any = zeros(self.model)
        lost = sum(int((mask & ~after[name]).sum()) for name, mask in before.items())
        if lost:
            raise StageError("K243", f"{lost} zeros were lost while the model recovered", "please report this as a defect")

    def objective(self, losses: tuple[LossTerm, ...], signal: TeacherSignal | None) -> Objective:
        """Return what recovery makes small; zeros are put back after each step."""
        from compactor.distillation.held_zeros import SparseObjective

        return SparseObjective(losses, signal, self.model, zeros(self.model))
