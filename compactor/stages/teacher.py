"""The model to be made small: a fine-tuned checkpoint as it is, a base model fine-tuned here, or a model trained from nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from compactor.base.artifact import Artifact
from compactor.base.errors import Problem
from compactor.base.finding import Finding
from compactor.base.settings import setting
from compactor.distillation.trainer import TrainSettings
from compactor.stages._contract import Stage, Work
from compactor.stages._images import image_teacher
from compactor.stages._teacher_problems import combination_problems
from compactor.stages._teacher_settings import LinearTeacher, TeacherConfig

if TYPE_CHECKING:
    import numpy as np

    from compactor.targets import Target
    from compactor.tasks import Task


class Teacher(Stage):
    """Give the teacher: fine-tuned, with the data's label order, in float32."""

    gives: ClassVar[str] = "torch"
    once: ClassVar[bool] = True

    model: str | None = setting(None, "a model folder, or a hub id")
    config: TeacherConfig | None = setting(None, "instead of a model: train one of this shape from nothing")
    train: TrainSettings | None = setting(None, "fine-tune it; without this the model is taken as it is")
    max_length: int = setting(128, "most pieces of a text, special ones included; longer texts are cut", ge=4)
    label_smoothing: float = setting(0.0, "share of the probability spread over all classes while training", ge=0, lt=1)
    linear_teacher: LinearTeacher | None = setting(None, "while training, learn from an n-gram linear model too: {weight: 0.5}")
    ensemble: int | None = setting(
        None, "train so many, from different seeds: the first is the chain's model, students learn from the mean of all", ge=2
    )
    soup: int | None = setting(
        None, "train so many from one start, in different orders: the teacher's weights are the mean of theirs", ge=2
    )
    load_in: Literal["8bit", "4bit"] | None = setting(
        None,
        "answer with the linear maps in 8 bits (LLM.int8) or 4 (NF4), by bitsandbytes: less memory; losses see answers alone",
    )
    trust_remote_code: bool = setting(False, "run Python code that comes with the checkpoint")

    @property
    def teaches(self) -> frozenset[str] | None:
        """In few bits it answers, and nothing inside it is compared; of several the mean is taken, which needs all logits of each."""
        inside = {"hidden_states", "relations"} if self.load_in is None else set()
        highest = {"highest_logits"} if self.ensemble is None else set()
        return None if inside and highest else frozenset({"logits", "teacher_labels", *inside, *highest})

    def problems(self, *, task: Task, target: Target) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
        """Yield what is wrong with these settings."""
        del target
        yield from combination_problems(self, task)

    def fingerprint(self, near: tuple[Path, ...]) -> dict[str, Any]:
        """Return the content hash of a local checkpoint, or the hub id."""
        from compactor.models.finding import model_fingerprint

        return model_fingerprint(self.model, near) if self.model else {}

    def key(self) -> dict[str, Any]:
        """Return the settings for the cache key; a checkpoint counts by its content, see `fingerprint`, not by its path."""
        return {name: value for name, value in super().key().items() if name != "model"}

    def run(self, source: Artifact | None, work: Work) -> None:
        """Fill `work.folder` with the teacher."""
        del source
        if self.soup is not None:
            from compactor.stages._soup import cook

            cook(work, self.soup, self._make)
        elif self.ensemble is None:
            self._make(work)
        else:
            from compactor.stages._members import make_members, members_facts

            make_members(work, self.ensemble, self._make)
            self._make(work)
            work.facts["ensemble"] = members_facts(work, self.ensemble)
        if self.load_in is not None:
            from compactor.stages._small_teacher import measured

            work.facts["answering"] = measured(work, self.load_in)

    def _make(self, work: Work, start: int | None = None) -> None:
        """Fill the folder with one model; `start` is the seed of its first weights where that is not the work's."""
        import torch

        from compactor.models import parameter_count, save
        from compactor.stages._fitting import validation_value

        seed = work.seed if start is None else start
        torch.manual_seed(seed)
        labels = work.data.labels
        model = self._from_config(work, seed) if self.config else self._from_checkpoint(work)
        # Counted first: a family that is not known is refused before it is trained.
        work.facts["parameters"] = parameter_count(model)
        if self.train is not None:
            self._train(model, work, self.train)
        work.facts["validation"] = validation_value(model, work, work.folder)
        save(model, work.folder, work.folder, labels=labels)
        if self.load_in is not None:
            from compactor.stages._small_teacher import note

            note(work.folder, self.load_in)

    def _from_checkpoint(self, work: Work) -> Any:
        from compactor.models import load_checkpoint
        from compactor.models.reading import copy_reader, reads_images
        from compactor.models.tokenizer import has_pad_token, max_length, pad_id
        from compactor.stages._student import named_folder

        assert self.model is not None
        folder = named_folder(work, self.model)
        loaded = load_checkpoint(
            folder,
            work.task,
            labels=work.data.labels,
            fresh_head=self.train is not None,
            trust_remote_code=self.trust_remote_code,
        )
        for finding in loaded.findings:
            work.reporter.finding(finding)
        if reads_images(folder):
            copy_reader(folder, work.folder)
            return loaded.model
        if not has_pad_token(folder):
            sentence = f"the tokenizer names no padding piece; piece {pad_id(folder)} is used, and masked"
            work.reporter.finding(Finding("L113", "note", sentence, "name pad_token in tokenizer_config.json", str(folder)))
        copy_reader(folder, work.folder, length=min(self.max_length, max_length(folder)))
        return loaded.model

    def _from_config(self, work: Work, seed: int) -> Any:
        from compactor.models.fresh import new_encoder
        from compactor.stages._first_pieces import fill_pieces

        config = self.config
        assert config is not None
        if config.family == "vit":
            return image_teacher(config, work)
        data, shape = work.data, config.text_shape(self.max_length)
        model = new_encoder(work.folder, work.task, _texts(work), labels=data.labels, pair=data.pair, **shape)
        if config.init == "cooccurrence":
            fill_pieces(model, work, seed)
        return model

    def _train(self, model: Any, work: Work, settings: TrainSettings) -> None:
        from compactor.distillation.losses import parse_losses
        from compactor.distillation.objective import Objective, TeacherSignal
        from compactor.stages._fitting import fit_model

        label_loss = work.task.label_loss
        assert label_loss is not None
        options = {"label_smoothing": self.label_smoothing} if label_loss == "cross_entropy" else {}
        losses: list[dict[str, Any]] = [{label_loss: options}]
        signal = None
        if self.linear_teacher is not None:
            losses.append({"hinton": {"temperature": self.linear_teacher.temperature, "weight": self.linear_teacher.weight}})
            signal = TeacherSignal(_linear_logits(work))
        objective = Objective(parse_losses(losses), signal, model)
        work.facts["training"] = fit_model(model, work, objective, settings, work.folder, "fine-tuning")


def _texts(work: Work) -> Iterator[str]:
    """Yield the training texts, second sentences included, a thousand rows at a time."""
    rows = work.data.train
    for start in range(0, len(rows), 1000):
        stop = min(start + 1000, len(rows))
        yield from rows.texts(start, stop)
        yield from rows.pairs(start, stop) or ()


def _linear_logits(work: Work) -> np.ndarray:
    """Return the linear model's answers for the training rows, made once and kept; sentence pairs are joined."""
    from compactor.distillation.linear_teacher import read_linear_logits, write_linear_logits

    rows = work.data.train
    parts = {"rows": rows.fingerprint, "labels": list(work.data.labels), "seed": work.seed, "version": 1}

    def build(folder: Path) -> None:
        work.reporter.say("a linear n-gram model answers the training rows")
        seconds = rows.pairs()
        texts = (
            rows.texts()
            if seconds is None
            else [f"{first} {second}" for first, second in zip(rows.texts(), seconds, strict=True)]
        )
        write_linear_logits(texts, rows.labels, len(work.data.labels), folder, seed=work.seed)

    return read_linear_logits(work.derive("linear-teacher", parts, build))
