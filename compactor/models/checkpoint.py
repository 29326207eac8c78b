"""What a checkpoint must have before it is used: a configuration, weights that are no pickle, the task's head, and no gaps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.errors import StageError
from compactor.base.finding import Finding

if TYPE_CHECKING:
    from compactor.tasks import Task

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
HEAD_WORDS = ("classifier", "score", "qa_outputs", "lm_head", "pre_classifier", "pooler", "out_proj")


def check_folder(folder: Path) -> None:
    """Raise a sentence when a folder is not a checkpoint that can be read safely."""
    if not (folder / "config.json").is_file():
        raise StageError(
            "L101", f"{folder} is not a model folder: it has no config.json", "give a folder saved by save_pretrained"
        )
    if any((folder / name).is_file() for name in WEIGHTS):
        return
    pickles = [path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(pattern)]
    if pickles:
        raise StageError(
            "L102",
            f"{folder} has its weights only as {pickles[0]}, a pickle, which can run code when it is read",
            "convert it once: AutoModelForSequenceClassification.from_pretrained(folder).save_pretrained(folder)",
        )
    raise StageError("L103", f"{folder} has no weights: model.safetensors is missing", "copy the whole checkpoint folder")


def check_head(config: Any, folder: Path, task: Task, *, fresh_head: bool) -> None:
    """Refuse a checkpoint that is to be used as it is and says itself that it has another head, or none."""
    architectures = " ".join(getattr(config, "architectures", None) or [])
    head = task.model_class.removeprefix("AutoModel")
    if not fresh_head and task.label_kind != "vector" and architectures and head not in architectures:
        raise StageError(
            "L105",
            f"{folder} is a {architectures}: it has no classification head"
            if "Classification" not in architectures
            else f"{folder} is a {architectures}: its head is not one {_spaced(head)}",
            "fine-tune it: give the teacher stage train: {epochs: 8, learning_rate: 1.0e-4}",
        )


def check_missing(missing: set[str], folder: Path, *, fresh_head: bool) -> tuple[Finding, ...]:
    """Tell which weights were made anew; in a model that is used as it is, none may be."""
    body = sorted(name for name in missing if not any(word in name.split(".") for word in HEAD_WORDS))
    if body:
        sentence = f"{folder} lacks {len(body)} weights of the encoder, the first is {body[0]}"
        raise StageError("L104", sentence, "it may belong to another model class, or be damaged")
    if missing and not fresh_head:
        sentence = f"{folder} has no trained head ({', '.join(sorted(missing))})"
        raise StageError("L105", sentence, "fine-tune it: give the teacher stage train: {...}")
    if any("pooler" in name for name in missing):
        sentence = "the checkpoint has no pooler; it is trained from random weights together with the head"
        return (Finding("L108", "note", sentence, "nothing to do", str(folder)),)
    return ()


def in_classifier(name: str) -> bool:
    """Whether a weight belongs to the head, the pooler not counted."""
    return "pooler" not in name.split(".") and any(word in name.split(".") for word in HEAD_WORDS)


def _spaced(name: str) -> str:
    """Return a class name in words: `ForTokenClassification` → `for token classification`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
