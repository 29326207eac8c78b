"""An artifact as the app would run it: its ONNX folder, and its answers to a split. Torch artifacts go through a plain fp32 export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from compactor.base.artifact import Artifact
from compactor.base.atomic import read_json
from compactor.base.hashing import hash_file
from compactor.pipeline.execute import Session

if TYPE_CHECKING:
    import numpy as np

    from compactor.data import Encoded, Rows
    from compactor.pipeline.record import Row
    from compactor.tasks import Quality

VERSION = 1  # bumped when the plain export or the way of answering changes


def onnx_folder(session: Session, artifact: Artifact) -> Path:
    """Return the folder with `model.onnx` to measure: the artifact's own, or a plain fp32 export of a torch artifact."""
    if artifact.kind != "torch":
        return artifact.folder
    profile = session.profile

    def export(folder: Path) -> None:
        from compactor.exporting import export_onnx

        pair = session.open_data().pair
        export_onnx(artifact.folder, folder, task=profile.task, pair=pair, opset=profile.target.opset)

    parts = {"content": artifact.content, "opset": profile.target.opset, "version": VERSION}
    return session.derive("plain export", parts, export)


def answers(session: Session, folder: Path, split: str) -> np.ndarray:
    """Return the logits (n, labels) float32 of one ONNX folder for `validation` or `test`, one text at a time without padding.

    They are computed once and kept: the test split is touched once per model and seed.
    """
    import numpy as np

    rows = _rows(session, split)
    files = {name: hash_file(folder / name) for name in ("model.onnx", "tokenizer.json", "interface.json")}
    parts = {"files": files, "rows": rows.fingerprint, "version": VERSION}
    # Asked for also when the answers are kept: a finished run refers to the rows it was made from.
    rows_as_ids = _encoded(session, folder, rows)

    def predict_rows(target: Path) -> None:
        from compactor.measuring.quality import predict

        logits = predict(folder, rows_as_ids, threads=session.threads, reporter=session.reporter)
        np.save(target / "logits.npy", logits.astype(np.float32))

    kept = session.derive("answers", parts, predict_rows)
    logits: np.ndarray = np.load(kept / "logits.npy")
    return logits


def given_answers(session: Session, row: Row, split: str) -> np.ndarray | None:
    """Return a row's logits for `validation` or `test`: of its graph, or those that a teacher gave who only answers; None without."""
    import numpy as np

    if row.onnx is not None:
        return answers(session, row.onnx, split)
    kept = row.artifact.folder / f"{split}.npy" if row.artifact is not None and row.artifact.kind == "answers" else None
    logits: np.ndarray | None = np.load(kept) if kept is not None and kept.is_file() else None
    return logits


def quality(session: Session, row: Row, split: str, teacher: Row | None) -> Quality | None:
    """Score a row on a split, with the share of answers that it has in common with the teacher; None where it has no answers."""
    logits, rows = given_answers(session, row, split), _rows(session, split)
    if logits is None:
        return None
    return session.profile.task.quality(
        logits,
        rows.labels,
        split=split,
        seed=session.profile.seed,
        teacher_logits=given_answers(session, teacher, split) if teacher is not None else None,
        names=session.open_data().labels,
    )


def _rows(session: Session, split: str) -> Rows:
    data = session.open_data()
    rows = data.validation if split == "validation" else data.test
    if rows is None:
        raise ValueError("the profile names no test data")
    return rows


def encoded(session: Session, folder: Path, split: str) -> Encoded:
    """Return the rows of a split as the tokenizer of an ONNX folder writes them; kept in the store."""
    return _encoded(session, folder, _rows(session, split))


def _encoded(session: Session, folder: Path, rows: Rows) -> Encoded:
    from compactor.data import Encoded, encode
    from compactor.models.tokenizer import load_tokenizer

    interface = read_json(folder / "interface.json")
    length = int(interface["max_length"])
    parts = {"tokenizer": hash_file(folder / "tokenizer.json"), "rows": rows.fingerprint, "max_length": length}
    kept = session.derive("encoded", parts, lambda target: encode(rows, load_tokenizer(folder), length, target))
    return Encoded(kept, pad_id=int(interface["pad_id"]))
