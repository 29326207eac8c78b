"""Model folders → torch models: float32, eager attention, evaluation mode, label order of the data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from compactor.base.errors import MissingError, StageError
from compactor.base.finding import Finding
from compactor.models.checkpoint import WEIGHTS, check_folder, check_head, check_missing, in_classifier
from compactor.models.factorized import read_factor, shaped
from compactor.models.families import describe, is_layered
from compactor.models.labels import align_labels
from compactor.models.own_models import register
from compactor.models.quiet import quiet_transformers
from compactor.models.reading import check_images
from compactor.models.tokenizer import pad_id
from compactor.models.widths import read_widths, reshape

if TYPE_CHECKING:
    from compactor.tasks import Task


@dataclass(frozen=True)
class Loaded:
    """A model, and what a person should know about how it was read."""

    model: Any
    findings: tuple[Finding, ...] = ()


def load(
    folder: Path, task: Task, *, labels: tuple[str, ...] | None = None, trust_remote_code: bool = False
) -> Any:  # the class is transformers' own, chosen at run time
    """Return the fine-tuned model of a folder, see `load_checkpoint`; nothing may be missing in it."""
    return load_checkpoint(folder, task, labels=labels, trust_remote_code=trust_remote_code).model


def load_checkpoint(
    folder: Path,
    task: Task,
    *,
    labels: tuple[str, ...] | None = None,
    fresh_head: bool = False,
    trust_remote_code: bool = False,
) -> Loaded:
    """Read a checkpoint as the task's model class: float32 whatever was stored, eager attention, `eval()`.

    Args:
        folder: config.json and safetensors weights; `layer_widths` and `factorized_embedding` in config.json are honoured, and
            compactor's own families (`compactor-static`, `compactor-conv`) are known.
        task: names the transformers class (`task.model_class`).
        labels: label names in the data's order; the head's rows are put into this order. None keeps the checkpoint's own.
        fresh_head: the model is about to be fine-tuned, so a head that is missing, or for other labels, is made anew (from torch's
            current random state) instead of being an error.
        trust_remote_code: run Python code that comes with the checkpoint.

    Raises:
        StageError: L101 no config.json, L102 weights only as pickle, L103 broken files, L104 weights missing, L105 no head,
            L106 labels that do not match.
    """
    check_folder(folder)
    with quiet_transformers():
        config = _config(folder, trust_remote_code)
        check_head(config, folder, task, fresh_head=fresh_head)
        keep_head = not labels or not fresh_head or _same_labels(config, labels, task)
        if labels and not keep_head:
            config.num_labels = len(labels)
        if read_widths(config) is None and read_factor(config) is None:
            model, missing = _pretrained(folder, config, task, trust_remote_code=trust_remote_code)
        else:
            model, missing = _reshaped(folder, config, task)
    if task.input_kind == "image":
        check_images(config, folder)
    findings = check_missing(missing, folder, fresh_head=fresh_head)
    if labels:
        # One output has no order; its name is the data's column.
        if keep_head and task.label_kind != "number" and not any(in_classifier(name) for name in missing):
            findings += align_labels(model, labels, folder)
        else:
            _name_labels(model, labels)
    if task.problem_type is not None:
        model.config.problem_type = task.problem_type
    if is_layered(model) and describe(model).causal:
        _prepare_decoder(model.config, folder)
    return Loaded(model.float().eval(), findings)


def _prepare_decoder(config: Any, folder: Path) -> None:
    """Let a decoder answer batches: it reads its answer off the last piece that is not padding, so it must know the padding piece."""
    if config.pad_token_id is None:
        config.pad_token_id = pad_id(folder)
    config.use_cache = False  # keys and values are kept for a next piece, and there is none


def model_class(task: Task) -> Any:
    """Return the class that the task names: transformers' own, or the encoder of sentences."""
    import transformers

    if task.label_kind == "vector":
        from compactor.models.sentence_encoder import SentenceEncoder

        return SentenceEncoder
    return getattr(transformers, task.model_class)


def from_config(config: Any, task: Task) -> Any:
    """Build a model with random weights (from torch's current random state): float32, eager attention."""
    register()
    with quiet_transformers():
        model = model_class(task).from_config(config, attn_implementation="eager", **_dtype())
    return model.float()


def _dtype() -> dict[str, Any]:
    """Name float32 as this version of transformers wants it: `dtype` from 5 on, `torch_dtype` before."""
    import transformers

    return {"torch_dtype" if int(transformers.__version__.split(".")[0]) < 5 else "dtype": torch.float32}


def _config(folder: Path, trust_remote_code: bool) -> Any:
    from transformers import AutoConfig

    register()
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=trust_remote_code)
    except (ValueError, OSError, KeyError, ImportError) as error:
        text = str(error).splitlines()[0]
        if "trust_remote_code" in str(error):
            raise StageError(
                "L103",
                f"{folder} needs Python code that comes with it",
                "read that code, then set teacher.trust_remote_code: true",
            ) from error
        raise StageError(
            "L103", f"{folder / 'config.json'} cannot be used: {text}", "save the model again with transformers"
        ) from error


def _pretrained(folder: Path, config: Any, task: Task, *, trust_remote_code: bool) -> tuple[Any, set[str]]:
    try:
        model, info = model_class(task).from_pretrained(
            folder,
            config=config,
            attn_implementation="eager",
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=trust_remote_code,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **_dtype(),
        )
    except ImportError as error:
        raise MissingError("L107", f"{folder} needs a package: {str(error).splitlines()[0]}", "install it") from error
    except Exception as error:  # safetensors and transformers raise many kinds for damaged files
        raise _broken(folder, error) from error
    mismatched = {str(entry[0] if isinstance(entry, (tuple, list)) else entry) for entry in info.get("mismatched_keys", ())}
    return model, {str(key) for key in info["missing_keys"]} | mismatched


def _reshaped(folder: Path, config: Any, task: Task) -> tuple[Any, set[str]]:
    """Read a model whose shape a plain configuration cannot say: widths of its own in each layer, a factorized piece table."""
    from safetensors.torch import load_file

    model, widths, narrow = from_config(config, task), read_widths(config), read_factor(config)
    if widths is not None:
        reshape(model, widths)
    if narrow is not None:
        shaped(model, narrow)
    try:
        # An encoder of sentences keeps its body as transformers does, and the rest beside it.
        body, weights = getattr(model, "body", model), load_file(folder / WEIGHTS[0])
        shapes = {name: value.shape for name, value in body.state_dict().items()}
        # As transformers does with an ordinary model, a head for another number of labels is left out.
        fitting = {name: value for name, value in weights.items() if shapes.get(name) == value.shape}
        found = body.load_state_dict(fitting, strict=False)
        if task.label_kind == "vector":
            model.read_projection(folder)
    except Exception as error:
        raise _broken(folder, error) from error
    return model, set(found.missing_keys)


def _broken(folder: Path, error: Exception) -> StageError:
    text = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return StageError("L103", f"the weights in {folder} cannot be read: {text}", "copy the checkpoint again; it may be damaged")


def _same_labels(config: Any, labels: tuple[str, ...], task: Task) -> bool:
    if task.label_kind == "number":
        return len(config.id2label) == 1
    return set(config.id2label.values()) == set(labels)


def _name_labels(model: Any, labels: tuple[str, ...]) -> None:
    model.config.id2label = dict(enumerate(labels))
    model.config.label2id = {label: number for number, label in enumerate(labels)}


def stored_labels(folder: Path) -> tuple[str, ...]:
    """Return the label names of a model folder in id order, without loading its weights."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    names: dict[str, str] = config.get("id2label", {})
    return tuple(name for _, name in sorted(names.items(), key=lambda item: int(item[0])))


def head_linear(model: nn.Module) -> nn.Linear:
    """Return the last linear map of the model: hidden → labels."""
    return [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
