"""An artifact as the app would run it: its ONNX folder, and its answers to a split. Torch artifacts go through a plain fp32 export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from compactor.base.artifact import Artifact
from compactor.base.atomic import read_json
from compactor.base.hashing import hash_file
from compactor.pipeline.execute import Session

if TYPE_CHECKING:
    import numpy as np

    from compactor.data import Encoded, Rows
    from compactor.pipeline.record import Row
    from compactor.tasks import Quality

LARGER = "larger"  # the second model of a cascade, in its rule and as a folder below the first
VERSION = 2  # bumped when the plain export or the way of answering changes


def onnx_folder(session: Session, artifact: Artifact) -> Path:
    """Return the folder with `model.onnx` to measure: the artifact's own, or a plain fp32 export of a torch artifact."""
    if artifact.kind != "torch":
        return artifact.folder
    profile, target = session.profile, session.profile.target

    def export(folder: Path) -> None:
        from compactor.exporting import export_onnx

        pair = session.open_data().pair
        export_onnx(artifact.folder, folder, task=profile.task, pair=pair, opset=target.opset, every_row=target.every_row)

    parts = {"content": artifact.content, "opset": target.opset, "every_row": target.every_row, "version": VERSION}
    return session.derive("plain export", parts, export)


def rule_of(folder: Path) -> dict[str, Any]:
    """Return when the first level of a cascade answers, as the interface.json of an ONNX folder says; empty for any other model."""
    rule: dict[str, Any] = read_json(folder / "interface.json").get("cascade") or {}
    return rule


def answers(session: Session, folder: Path, split: str, output: str | None = None) -> np.ndarray:
    """Return the logits (n, labels) float32 of one ONNX folder for `validation` or `test`, one text at a time without padding.

    They are computed once and kept: the test split is touched once per model and seed. `output` names another output than the first.
    A cascade of two files answers with the logits of both, by its rule.
    """
    rule = rule_of(folder)
    if LARGER in rule and output is None:
        return _combined(_answers(session, folder, split), answers(session, folder / LARGER, split), rule)
    return _answers(session, folder, split, output)


def _combined(smaller: np.ndarray, larger: np.ndarray, rule: dict[str, Any]) -> np.ndarray:
    """Return the logits of whoever answers, divided by its temperature, (n, labels)."""
    import numpy as np

    from compactor.cascading.temperature import confidence

    sure = confidence(smaller, rule["temperature"]) >= rule["confidence"]
    of_smaller, of_larger = np.float32(rule["temperature"]), np.float32(rule[LARGER]["temperature"])
    found: np.ndarray = np.where(sure[:, None], smaller / of_smaller, larger / of_larger)
    return found


def _answers(session: Session, folder: Path, split: str, output: str | None = None) -> np.ndarray:
    import numpy as np

    rows = _rows(session, split)
    named = ("model.onnx", "tokenizer.json", "interface.json")
    files = {name: hash_file(folder / name) for name in named if (folder / name).is_file()}
    parts: dict[str, Any] = {"files": files, "rows": rows.fingerprint, "version": VERSION}
    if output is not None:
        parts["output"] = output
    # Asked for also when the answers are kept: a finished run refers to the rows it was made from.
    rows_as_ids = _encoded(session, folder, rows)

    def predict_rows(target: Path) -> None:
        from compactor.measuring.quality import predict

        logits = predict(folder, rows_as_ids, threads=session.threads, reporter=session.reporter, output=output)
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
    from compactor.data import Encoded, EncodedImages, encode, encode_images
    from compactor.models.reading import image_settings
    from compactor.models.tokenizer import load_tokenizer

    interface = read_json(folder / "interface.json")
    if interface.get("image"):
        settings = image_settings(folder)
        told = {"images": settings.geometry, "rows": rows.fingerprint, "version": 1}
        prepared = session.derive("prepared images", told, lambda target: encode_images(rows, settings, target))
        return cast("Encoded", EncodedImages(prepared, settings))
    length = int(interface["max_length"])
    parts = {"tokenizer": hash_file(folder / "tokenizer.json"), "rows": rows.fingerprint, "max_length": length}
    kept = session.derive("encoded", parts, lambda target: encode(rows, load_tokenizer(folder), length, target))
    return Encoded(kept, pad_id=int(interface["pad_id"]))
