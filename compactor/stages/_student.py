"""From a model and the settings of a student to students: its pieces chosen, its tokenizer written, its first weights made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.errors import Problem, StageError
from compactor.base.finding import Finding
from compactor.models.decoders import DECODERS, NO_ATTENTION

if TYPE_CHECKING:
    import numpy as np

    from compactor.distillation.losses import LossTerm
    from compactor.models.students import StudentSettings
    from compactor.stages._contract import Work
    from compactor.tasks import Task

# Rows looked at for the main directions of a teacher's states, for which layers matter, for how frequent pieces are.
LOOKED_AT_ROWS = 1024
LOOKED_AT_BATCH = 32


@dataclass(frozen=True)
class Prepared:
    """What students of a stage are built from; their tokenizer lies in `work.folder`.

    Attributes:
        work: the stage's.
        settings: the student's.
        given: the model to grow from; it reads the student's pieces.
        tokenizer: the folder whose tokenizer the student's was made of.
        kept: old ids of the pieces that stayed, int64; None where all did.
        encoder: the model folder that the settings name, where it is not the one to grow from.
        facts: `vocabulary` where it was cut; joins the facts of each student.
    """

    work: Work
    settings: StudentSettings
    given: Any
    tokenizer: Path
    kept: np.ndarray | None
    encoder: Path | None
    facts: dict[str, Any]

    def build(self, seed: int, *, settings: StudentSettings | None = None, teacher: Any = None) -> tuple[Any, dict[str, Any]]:
        """Return (student, facts); may be called as often as students are wanted.

        Args:
            seed: for weights that are random.
            settings: of a peer of another shape; it reads the same pieces.
            teacher: a model that reads the student's pieces, to grow from instead.

        Raises:
            StageError: L175 a peer wants pieces or a model of its own.
        """
        from compactor.models.students import build_student

        wanted = settings or self.settings
        first = self.settings
        pairs = [
            (wanted.vocabulary, first.vocabulary),
            (wanted.longest, first.longest),
            (wanted.named_model, first.named_model),
        ]
        if any(theirs not in (None, ours) for theirs, ours in pairs):
            hint = "set vocabulary, positions and model in student alone"
            raise StageError("L175", "students that learn together read the same pieces", hint)
        student, facts = build_student(
            self.given if teacher is None else teacher,
            wanted,
            task=self.work.task,
            batches=self._batches(),
            seed=seed,
            tokenizer=self.work.folder,
            encoder=self.encoder,
        )
        width = facts.get("embedding", {}).get("width")
        if width is not None and width < getattr(wanted, "embedding", width):
            sentence = f"the piece table is {width} wide and stays as it is: `embedding` does not make it smaller"
            hint = "give a smaller number, or leave it out"
            self.work.reporter.finding(Finding("K911", "note", sentence, hint, "distill.student.embedding"))
        return student, {"family": wanted.family, **facts, **self.facts}

    def fit(self, model: Any) -> Any:
        """Let a model that reads the pieces of `tokenizer` read the student's: its table is cut in place. Return the model."""
        if self.kept is not None:
            from compactor.pruning.vocabulary import cut_embeddings

            cut_embeddings(model, self.kept)
        return model

    def _batches(self) -> Iterator[dict[str, np.ndarray]]:
        """Yield encoded training rows, chosen by the seed; nothing is encoded unless somebody asks."""
        import numpy as np

        from compactor.stages._inputs import encoded

        rows = encoded(self.work, self.work.folder, "train")
        chosen = np.random.default_rng(self.work.seed).permutation(len(rows))[:LOOKED_AT_ROWS]
        for start in range(0, len(chosen), LOOKED_AT_BATCH):
            yield rows.batch(chosen[start : start + LOOKED_AT_BATCH])


def prepare_student(work: Work, source: Path, settings: StudentSettings) -> Prepared:
    """Choose the student's pieces, write its tokenizer into `work.folder`, and load what it grows from.

    Args:
        work: the stage's; findings about the vocabulary go there.
        source: folder of the model before the stage.
        settings: the student's.

    Raises:
        StageError: K301 to K309 the vocabulary cannot be cut so, K221 there is no table of positions.
        MissingError: L130 the model that the settings name is not there.
    """
    from compactor.models.reading import copy_reader
    from compactor.models.tokenizer import max_length
    from compactor.models.transformer_student import longest_of
    from compactor.stages._inputs import load_model
    from compactor.stages._positions import read_up_to, shorten
    from compactor.stages._vocabulary import cut_vocabulary

    named = None if settings.named_model is None else named_folder(work, settings.named_model)
    grown = settings.grows_from_named
    if grown:
        assert named is not None
        given, tokenizer = _checkpoint(work, named, source), named
    else:
        given, tokenizer = load_model(work, source), source
    pieces, kept, facts = settings.pieces, None, dict[str, Any]()
    if pieces is None:
        copy_reader(tokenizer, work.folder, length=_length(source, tokenizer))
    else:
        place = "distill.student.vocabulary"
        choice, facts["vocabulary"] = cut_vocabulary(given, tokenizer, work, pieces.keep, pieces.characters, place=place)
        kept = choice.kept
    if settings.longest is not None:
        facts["positions"] = shorten(given, work.folder, work, settings.longest, place="distill.student.positions")
    wanted: dict[str, Any] | None = getattr(settings, "config", None)
    if wanted is not None and (most := longest_of(wanted)) is not None and most < max_length(work.folder):
        read_up_to(work.folder, work, most, place="distill.student.config.max_position_embeddings")
    return Prepared(work, settings, given, tokenizer, kept, None if grown else named, facts)


def student_problems(
    student: StudentSettings, losses: tuple[LossTerm, ...], task: Task
) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
    """Yield what is wrong with a student's settings, alone and together with the losses; paths inside the stage."""
    for path, problem in student.problems(task):
        yield ("student", *path), problem
    if student.grows_from_named:
        for number, term in enumerate(losses):
            if looks_inside(term):
                sentence = f"{term.name} looks inside the teacher, and a student with a tokenizer of its own reads other pieces"
                yield ("losses", number), Problem("P265", sentence, "use losses of answers, such as hinton and cross_entropy")
    kind = (getattr(student, "config", None) or {}).get("model_type")
    if kind in DECODERS:
        from compactor.distillation.losses import needs

        for number, term in enumerate(losses):
            if "relations" in needs((term,)):
                sentence = f"{term.name} compares attention, which is not recorded of decoders, and the student is a {kind}"
                yield ("losses", number), Problem("P244", sentence, NO_ATTENTION)
    if not student.layered:
        for number, term in enumerate(losses):
            reason = _unfit(term, student) if looks_inside(term) else None
            if reason is not None:
                yield ("losses", number), Problem("P265", reason, "use losses of answers, such as hinton and cross_entropy")


def student_fingerprint(student: StudentSettings, near: tuple[Path, ...]) -> dict[str, Any]:
    """Return the content hash of a model that the settings name; part of the stage's key."""
    from compactor.models.finding import model_fingerprint

    named = [rung.named_model for rung in getattr(student, "rungs", ()) if rung.named_model is not None]
    if named:
        return {"students": [model_fingerprint(name, near) for name in named]}
    return {} if student.named_model is None else {"student": model_fingerprint(student.named_model, near)}


def named_folder(work: Work, name: str) -> Path:
    """Return the folder of a model that a profile names; one from the hub is fetched once and kept in the store."""
    from compactor.models.finding import check_online, download, local_model

    folder = local_model(name, work.near)
    if folder is not None:
        return folder

    def build(target: Path) -> None:
        check_online(name, work.near, online=work.online)
        work.reporter.say(f"fetching {name} from the hub")
        download(name, target)

    return work.derive("hub-model", {"name": name}, build)


def _checkpoint(work: Work, folder: Path, source: Path) -> Any:
    """Load a checkpoint to grow from; a head for other labels, or none, is made anew, as is the map into the teacher's space."""
    import torch

    from compactor.models import load_checkpoint
    from compactor.models.sentence_encoder import SentenceEncoder
    from compactor.stages._inputs import load_model

    torch.manual_seed(work.seed)
    loaded = load_checkpoint(folder, work.task, labels=work.data.labels, fresh_head=True)
    for finding in loaded.findings:
        work.reporter.finding(finding)
    if isinstance(loaded.model, SentenceEncoder):
        loaded.model.answer_in(load_model(work, source).layout.dimension)
    return loaded.model


def _length(source: Path, tokenizer: Path) -> int:
    """Return the most pieces of a text: what the model before allows, and the student's own tokenizer."""
    from compactor.models.tokenizer import max_length

    return min(max_length(source), max_length(tokenizer))


def looks_inside(term: LossTerm) -> bool:
    """Whether a loss looks at more than answers and labels."""
    from compactor.distillation.losses import needs

    return bool(needs((term,)) - {"logits", "teacher_labels", "labels"})


def _unfit(term: LossTerm, student: StudentSettings) -> str | None:
    """Return why a loss that looks inside does not apply to a student without layers, whatever the teacher; None if it may."""
    from compactor.distillation.losses import Shape, needs
    from compactor.distillation.regimes.problems import MANY_LAYERS

    if "relations" in needs((term,)):
        return f"{term.name} compares attention, and a {student.family} student has none"
    width = int(getattr(student, "hidden", 0) or 0)
    found = next(iter(term.loss.unfit(Shape(0, width), Shape.of_depth(MANY_LAYERS, width))), None)
    return None if found is None else f"{term.name} does not apply to a {student.family} student, which has no layers: {found}"
