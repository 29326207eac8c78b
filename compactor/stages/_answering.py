"""How a teacher who only answers is asked: split by split, block by block, each block once; the rows without answers are refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compactor.base.arrays import new_array
from compactor.base.atomic import read_json, write_json
from compactor.base.errors import StageError
from compactor.base.finding import Finding
from compactor.distillation.black_box import (
    Answer,
    Table,
    ask,
    from_labels,
    from_probabilities,
    load_function,
    network,
)

if TYPE_CHECKING:
    from compactor.data import Rows
    from compactor.stages._contract import Work
    from compactor.stages.answers import Answers

MANIFEST = "answers.json"


def prepare_encoder(stage: Answers, work: Work) -> None:
    """Write the encoder that students grow from, with a fresh head for the data's labels."""
    import torch

    from compactor.models import load_checkpoint, save
    from compactor.models.fresh import new_encoder
    from compactor.models.tokenizer import max_length
    from compactor.stages._first_pieces import fill_pieces
    from compactor.stages._student import named_folder

    torch.manual_seed(work.seed)
    labels, length = work.data.labels, stage.max_length
    if stage.model is not None:
        folder = named_folder(work, stage.model)
        loaded = load_checkpoint(folder, work.task, labels=labels, fresh_head=True)
        save(loaded.model, folder, work.folder, labels=labels, max_length=min(length, max_length(folder)))
        return
    config = stage.config
    assert config is not None
    rows, shape = work.data.train, config.text_shape(length)
    texts = (text for part in (rows.texts(), rows.pairs() or ()) for text in part)
    model = new_encoder(work.folder, work.task, texts, labels=labels, pair=work.data.pair, **shape)
    if config.init == "cooccurrence":
        fill_pieces(model, work, work.seed)
    save(model, work.folder, work.folder, labels=labels)


def answer_splits(stage: Answers, work: Work) -> None:
    """Write train.npy, and validation.npy and test.npy where every row of the split has an answer; float32 (rows, labels)."""
    data, black_box = work.data, open_black_box(stage, work)
    write_json(work.folder / MANIFEST, {"settings": stage.model_dump(mode="json"), "labels": list(data.labels)})
    train = _asked(stage, work, black_box, data.train)
    refuse_unanswered(train, data.train, "training")
    np.save(work.folder / "train.npy", train)
    work.facts["form"] = stage.form
    for name, rows in (("validation", data.validation), ("test", data.test)):
        if rows is None:
            continue
        logits = _asked(stage, work, black_box, rows)
        missing = int(np.isnan(logits).any(axis=1).sum())
        if missing:
            sentence = (
                f"{missing:,} of {len(rows):,} {name} texts have no answer of the teacher: its own quality there is not known"
            )
            work.reporter.finding(
                Finding("A220", "warning", sentence, "add answers to these texts; a drop cannot be judged without")
            )
            continue
        np.save(work.folder / f"{name}.npy", logits)
        if name == "validation":
            quality = work.task.quality(logits, rows.labels, split=name, seed=work.seed)
            work.facts["validation"] = {"metric": quality.metric, "value": quality.value, "rows": quality.n}
    sentence = "of this teacher only answers are known: its size, speed and parameters are not stated"
    work.reporter.finding(Finding("A221", "note", sentence, "compare sizes and times with other rows of the report"))


def answered(work: Work, folder: Path, content: str, rows: Rows) -> np.ndarray:
    """Return the black box's answers to rows that a student is trained on, float32 (rows, labels), memory-mapped; asked once and kept.

    Args:
        work: of the stage that trains.
        folder: the artifact of the answers stage.
        content: its content.
        rows: training rows, perhaps followed by rows that an augment stage made.

    Raises:
        StageError: A120 some have no answer.
    """
    from compactor.stages.answers import Answers

    stage = Answers.model_validate(read_json(folder / MANIFEST)["settings"])

    def build(target: Path) -> None:
        known: np.ndarray = np.load(folder / "train.npy", mmap_mode="r")
        made = new_array(target / "logits.npy", (len(rows), known.shape[1]))
        made[: len(known)] = known
        if len(rows) > len(known):
            further = rows.select(np.arange(len(known), len(rows)))
            logits = _asked(stage, work, open_black_box(stage, work), further)
            refuse_unanswered(logits, further, "new")
            made[len(known) :] = logits

    kept = work.derive("teacher-outputs", {"teacher": content, "rows": rows.fingerprint, "version": 1}, build)
    logits: np.ndarray = np.load(kept / "logits.npy", mmap_mode="r")
    return logits


def held_out_answers(folder: Path, split: str) -> np.ndarray:
    """Return the black box's answers to the validation or test rows, float32 (rows, labels), memory-mapped.

    Raises:
        StageError: A121 some of these rows have no answer, so none was kept.
    """
    path = folder / f"{split}.npy"
    if not path.is_file():
        sentence = f"the teacher has not answered all {split} texts, so nothing can be held against its quality there"
        raise StageError("A121", sentence, "add answers to these texts, or name one family of students instead of auto")
    logits: np.ndarray = np.load(path, mmap_mode="r")
    return logits


def refuse_unanswered(logits: np.ndarray, rows: Rows, kind: str) -> None:
    """Raise A120 when some rows have no answer, with the first of them."""
    missing = np.flatnonzero(np.isnan(logits).any(axis=1))
    if len(missing):
        first = int(missing[0])
        text = rows.texts(first, first + 1)[0][:60]
        sentence = f"{len(missing):,} of {len(rows):,} {kind} texts have no answer of the teacher, the first is {text!r}"
        hint = (
            "add their answers to the file" if kind == "training" else "a file knows no new texts: use a function, or copies: 0"
        )
        raise StageError("A120", sentence, hint)


def open_black_box(stage: Answers, work: Work) -> Answer:
    """Return what gives logits for texts: the table of a file, or the user's function."""
    return _table(stage, work) if stage.file is not None else _function(stage, work)


def _table(stage: Answers, work: Work) -> Table:
    from compactor.data.answer_file import read_answer_file

    assert stage.file is not None
    labels, numbers = work.data.labels, stage.form == "probabilities"
    given = read_answer_file(
        stage.file,
        work.near,
        text=stage.text,
        text_pair=stage.text_pair,
        answers=labels if numbers else (stage.label,),
        numbers=numbers,
        cache=work.checkpoints,
    )
    read = (
        from_probabilities(given.answers, len(labels), stage.file)
        if numbers
        else from_labels(list(given.answers), labels, stage.file)
    )
    return Table(given.texts, given.pairs, read)


def _function(stage: Answers, work: Work) -> Answer:
    from compactor.stages.answers import function_path

    name = str(stage.function)
    path = function_path(name, work.near)
    if path is None:
        raise StageError("A124", f"there is no file {name}", "check the path in answers.function")
    with network(work.online and stage.network):
        function = load_function(path)

    def answer(texts: Any, pairs: Any) -> np.ndarray:
        with network(work.online and stage.network):
            given = ask(function, texts, pairs, name)
        labels = work.data.labels
        if stage.form == "labels":
            return from_labels(given, labels, name)
        return from_probabilities(given, len(labels), name)

    return answer


def _asked(stage: Answers, work: Work, black_box: Answer, rows: Rows) -> np.ndarray:
    """Return the answers to rows, float32 (rows, labels); a function's are kept block by block, so that none is asked for twice."""
    logits = np.empty((len(rows), len(work.data.labels)), dtype=np.float32)
    kept = work.checkpoints / "answers" / rows.fingerprint[:16]
    with work.reporter.bar("asking the teacher", len(rows), "rows") as bar:
        for start in range(0, len(rows), stage.block):
            stop = min(start + stage.block, len(rows))
            path = kept / f"{start}-{stop}.npy"
            if stage.function is not None and path.is_file():
                logits[start:stop] = np.load(path)
            else:
                logits[start:stop] = black_box(rows.texts(start, stop), rows.pairs(start, stop))
                if stage.function is not None:
                    kept.mkdir(parents=True, exist_ok=True)
                    scratch = path.with_suffix(".tmp.npy")
                    np.save(scratch, logits[start:stop])
                    scratch.replace(path)
            bar.advance(stop - start)
    return logits
