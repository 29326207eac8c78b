"""The way of one model through the prune stage: each cut is counted, scored on the validation rows and recorded."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from compactor.base.errors import StageError
from compactor.base.finding import Finding
from compactor.models import parameter_count, save
from compactor.models.families import is_layered
from compactor.models.reading import copy_reader
from compactor.models.widths import layer_widths
from compactor.pruning.activations import run_model
from compactor.pruning.characters import Characters
from compactor.pruning.layers import cut_layers, layers_to_keep
from compactor.pruning.narrow import Kept, narrow
from compactor.pruning.positions import position_table
from compactor.pruning.prediction import predicted_parameters
from compactor.pruning.scores import TAYLOR
from compactor.pruning.stream import cut_stream, narrower_parameters
from compactor.pruning.width import Part
from compactor.stages._fitting import fit_model, validation_value
from compactor.stages._inputs import encoded, load_model, teacher_folder, tokenizer_hash
from compactor.stages._inside import keep_inside
from compactor.stages._positions import shorten
from compactor.stages._teachers import teacher_signal
from compactor.stages._vocabulary import cut_vocabulary

if TYPE_CHECKING:
    from compactor.distillation.losses import LossTerm
    from compactor.distillation.objective import Objective, TeacherSignal
    from compactor.distillation.trainer import TrainSettings
    from compactor.stages._contract import Work

BATCH_SIZE = 32
CHECKED_ROWS = 32


class Course:
    """One model, and what was done to it.

    Args:
        work: the stage's; facts and findings go there.
        folder: of the model to be cut.

    Class attributes:
        stage: its name, for events and sentences.
    """

    stage: ClassVar[str] = "prune"

    def __init__(self, work: Work, folder: Path) -> None:
        self.work, self.source = work, folder
        self.tokenizer = folder  # the folder whose tokenizer the model reads with now
        self.model = load_model(work, folder)
        self.scores: dict[str, float] = {}
        self.label = ""  # " 2" while the second of several steps is made
        work.facts["parameters_before"] = parameter_count(self.model)
        self._score("before")

    def cut_layers(self, keep: int | Sequence[int]) -> None:
        """Keep some layers."""
        total = len(layer_widths(self.model))
        kept = layers_to_keep(total, keep)
        predicted = predicted_parameters(self.model, layers=kept)
        cut_layers(self.model, kept)
        self._count(predicted)
        self.work.facts["layers"] = {"before": total, "kept": kept}
        self._score("layers")
        self.warn_of_deep_cut(len(kept) / total, "layers")

    def narrow(self, kept: Kept, *, rows: int, refit: bool) -> None:
        """Cut neurons and heads; the score after the bare cut is taken on a copy."""
        counts: dict[Part, list[int]] = {part: [len(stay) for stay in places] for part, places in kept.items()}
        predicted = predicted_parameters(self.model, intermediate=counts.get("intermediate"), heads=counts.get("heads"))
        batches = self.calibration(rows) if refit else None
        self._cut(lambda model, given: narrow(model, kept, given), batches, predicted, "")

    def narrow_stream(self, kept: np.ndarray, batches: list[dict[str, np.ndarray]] | None) -> None:
        """Cut channels of the residual stream; with batches, refit."""
        predicted = narrower_parameters(self.model, len(kept))
        self._cut(lambda model, given: cut_stream(model, kept, given), batches, predicted, "hidden ")

    def _cut(self, cut: Callable[[Any, Any], None], batches: Any, predicted: int, what: str) -> None:
        if batches is not None:
            bare = copy.deepcopy(self.model)
            cut(bare, None)
            self._score(f"{what}cut", bare)
        cut(self.model, batches)
        self._count(predicted)
        self._score(f"{what}cut" if batches is None else f"{what}refit")

    def losses(self, importance: str, gradients: Literal["labels", "teacher"], rows: int) -> list[Callable[[Any], Any]]:
        """Return the losses for Taylor's scores; none for another rule."""
        if importance not in TAYLOR:
            return []
        from compactor.stages._gradients import row_losses

        return row_losses(self.work, self.model, self.tokenizer, self._chosen(rows), gradients)

    def cut_vocabulary(self, keep: int | None, characters: Characters) -> None:
        """Keep the pieces that the training texts use; the smaller tokenizer goes into the work's folder."""
        without, one = (predicted_parameters(self.model, pieces=pieces) for pieces in (0, 1))
        choice, facts = cut_vocabulary(self.model, self.source, self.work, keep, characters, place="prune.vocabulary")
        self.tokenizer = self.work.folder
        self._count(without + len(choice.kept) * (one - without))
        self.work.facts["vocabulary"] = facts
        self._score("vocabulary")

    def cut_positions(self, count: int) -> None:
        """Keep the first positions; the tokenizer with that length goes into the work's folder."""
        total, width = parameter_count(self.model)["total"], position_table(self.model).embedding_dim
        facts = shorten(self.model, self.tokenizer, self.work, count, place="prune.positions")
        self.tokenizer = self.work.folder
        self._count(total - (facts["before"] - facts["after"]) * width)
        self.work.facts["positions"] = facts
        self._score("positions")

    def recover(self, settings: TrainSettings, losses: tuple[LossTerm, ...]) -> None:
        """Train on the teacher's kept answers, which belong to rows, so that the teacher may read other pieces."""
        from compactor.distillation.losses import needs

        self._keep_tokenizer()
        inside = needs(losses) & {"hidden_states", "relations"}
        if inside and tokenizer_hash(self.tokenizer) != tokenizer_hash(teacher_folder(self.work)):
            sentence = f"a loss of {self.stage}.recover looks inside the teacher, whose vocabulary is not the pruned one"
            raise StageError(
                "K402", sentence, "use hinton and cross_entropy, or prune the vocabulary in a prune stage after this one"
            )
        signal = teacher_signal(self.work, losses, settings.precision)
        place = self.work.checkpoints / f"recovering{self.label.replace(' ', '-')}"
        if inside and signal is not None:
            kept = keep_inside(self.work, signal.model, [self.model], losses, settings, self.tokenizer, place)
            signal = replace(signal, inside=kept)
        objective = self.objective(losses, signal)
        training = fit_model(self.model, self.work, objective, settings, self.tokenizer, "recovering", checkpoints=place)
        self.work.facts["training"] = training
        self._score("recovered")

    def objective(self, losses: tuple[LossTerm, ...], signal: TeacherSignal | None) -> Objective:
        """Return what recovery makes small."""
        from compactor.distillation.objective import Objective

        return Objective(losses, signal, self.model)

    def save(self) -> None:
        """Write the model, read it back, and make sure that both answer the same to the bit."""
        work, folder = self.work, self.work.folder
        self._keep_tokenizer()
        if is_layered(self.model):
            work.facts["layer_widths"] = layer_widths(self.model)
        work.facts["parameters"] = parameter_count(self.model)
        work.facts["validation_steps"] = self.scores
        save(self.model, folder, folder, labels=work.data.labels)
        rows = encoded(work, folder, "validation")
        batch = rows.batch(np.arange(min(CHECKED_ROWS, len(rows))))
        ours, again = (run_model(model, batch).numpy() for model in (self.model, load_model(work, folder)))
        if not np.array_equal(ours, again):
            raise StageError(
                "K401", "the pruned model answers otherwise after it was read back", "please report this as a defect"
            )

    def _keep_tokenizer(self) -> None:
        if self.tokenizer == self.source:
            copy_reader(self.source, self.work.folder)
            self.tokenizer = self.work.folder

    def calibration(self, count: int) -> list[dict[str, np.ndarray]]:
        """Return some training rows, chosen by the seed, in batches of similar length."""
        rows = encoded(self.work, self.tokenizer)
        return [rows.batch(numbers) for numbers in self._chosen(count)]

    def mixed(self, count: int) -> list[dict[str, np.ndarray]]:
        """Return the same rows in the order in which they were drawn: who stops before the last has seen short and long ones."""
        rows = encoded(self.work, self.tokenizer)
        return [rows.batch(numbers) for numbers in _in_batches(self._drawn(count))]

    def _chosen(self, count: int) -> list[np.ndarray]:
        """Return the numbers of these rows, batch by batch."""
        chosen = self._drawn(count)
        return _in_batches(chosen[np.argsort(encoded(self.work, self.tokenizer).lengths[chosen], kind="stable")])

    def _drawn(self, count: int) -> np.ndarray:
        drawn: np.ndarray = np.random.default_rng(self.work.seed).permutation(len(encoded(self.work, self.tokenizer)))[:count]
        return drawn

    def _score(self, step: str, model: Any = None) -> None:
        step += self.label
        value = validation_value(self.model if model is None else model, self.work, self.tokenizer)
        self.scores[step] = value["value"]
        if model is None:
            self.work.facts["validation"] = value
        self.work.reporter.event(self.stage, step=step, metric=value["metric"], value=value["value"])

    def _count(self, predicted: int) -> None:
        """Compare the parameters with what arithmetic said before the cut."""
        real = parameter_count(self.model)["total"]
        if real != predicted:
            sentence = f"the cut left {real} parameters where {predicted} were expected"
            raise StageError("K400", sentence, "this model family is not cut as it should be; please report it as a defect")
        self.work.facts["predicted_parameters"] = predicted

    def warn_of_deep_cut(self, share: float, what: str) -> None:
        """Tell that little was left at once."""
        if share >= 0.5:
            return
        sentence = f"prune keeps {share:.0%} of the {what} in one step; more than half at once costs much that training rarely brings back"
        slowly = "in several prune stages, each with recover," if what == "layers" else "in steps (steps: 3 with recover),"
        hint = f"prune {slowly} or distill into a student of that shape"
        self.work.reporter.finding(Finding("K901", "warning", sentence, hint, "prune"))


def _in_batches(numbers: np.ndarray) -> list[np.ndarray]:
    return [numbers[start : start + BATCH_SIZE] for start in range(0, len(numbers), BATCH_SIZE)]
