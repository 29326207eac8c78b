"""Write a bundle from an ONNX folder. The same folder, texts and machine give the same bytes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.atomic import read_json, write_json, write_text
from compactor.base.errors import StageError, disk_error
from compactor.bundle import layout
from compactor.bundle.card import write_card
from compactor.bundle.cascades import has_larger
from compactor.bundle.golden import make_golden, make_golden_images, written
from compactor.bundle.golden_images import write_images
from compactor.bundle.licenses import write_licenses
from compactor.bundle.manifest import describe_graph, make_manifest
from compactor.bundle.relocate import node_patterns, scrubbed, without_absolute_paths
from compactor.data.encoding_words import put_blank_first

if TYPE_CHECKING:
    from compactor.targets import Target

INTERFACE = "interface.json"
LARGEST_FILE_BYTES = 2_000_000_000
# What belongs to the machine or to a model that is loaded with its author's code, neither of which is in a bundle.
LEFT_OUT = frozenset({"_name_or_path", "name_or_path", "auto_map", "tokenizer_file", "vocab_file", "special_tokens_map_file"})


def build(
    source: Path,
    folder: Path,
    *,
    target: Target,
    name: str,
    texts: Sequence[str] = (),
    pairs: Sequence[str] | None = None,
    images: Sequence[Path] = (),
    profile_text: str = "",
    made: dict[str, Any] | None = None,
    model_licence: str | None = None,
    data_licence: str | None = None,
    reduce_range: bool | None = None,
) -> dict[str, Any]:
    """Write a bundle.

    Args:
        source: an ONNX folder: model.onnx, tokenizer files or preprocessor_config.json, config.json, labels.json, interface.json.
        folder: an empty folder.
        target: the device that it is made for.
        name: of the model, for its card.
        texts: real texts of the task, kept with their answers in golden.json.
        pairs: their second sentences, for a task that has them.
        images: of the user's, kept likewise, for a model that sees.
        profile_text: the profile as run; absolute paths in it are cut to their last part.
        made: how it was made: stages and keys.
        model_licence: as the user or the model's own files state it; None when nobody does.
        data_licence: the same for the data.
        reduce_range: int8 weights have 7 bits, which saturate nowhere; by default as interface.json says, or else as the target asks.

    Returns:
        `files`, `size_bytes`, `oldest_onnxruntime` and `golden` (number of cases).

    Raises:
        StageError: B101 the source is not complete, B102 the graph does not fit one file, B103 it needs a newer runtime than the
            target has.
    """
    interface = _interface(source, target, reduce_range)
    _write_model(source, folder, interface)
    _write_larger(source, folder, interface, target=target, name=name, reduce_range=reduce_range)
    write_licenses(folder / layout.LICENSES, model=model_licence, data=data_licence, examples=len(texts) + len(images))
    if profile_text:
        write_text(folder / layout.PROFILE, without_absolute_paths(profile_text, node_patterns(profile_text)))
    licenses = {"model": model_licence, "data": data_licence}
    describe: dict[str, Any] = {"name": name, "target": target, "made": scrubbed(made or {}), "licenses": licenses}
    # Twice: the golden answers come from the bundle as an app will load it, and are hashed themselves.
    write_json(folder / layout.MANIFEST, make_manifest(folder, interface, **describe))
    golden = _golden(folder, interface, texts, pairs, images)
    write_text(folder / layout.GOLDEN, written(golden))
    manifest = make_manifest(folder, interface, **describe)
    write_json(folder / layout.MANIFEST, manifest)
    write_card(folder, None)
    return {
        "files": len(manifest["files"]),
        "size_bytes": sum(entry["size_bytes"] for entry in manifest["files"].values()),
        "oldest_onnxruntime": manifest["oldest_onnxruntime"],
        "golden": len(golden["cases"]),
    }


def _interface(source: Path, target: Target, reduce_range: bool | None) -> dict[str, Any]:
    """Return interface.json with the labels in it, and whether int8 weights have 7 bits."""
    reader = layout.TOKENIZER if (source / layout.TOKENIZER).is_file() else layout.PROCESSOR
    for needed in ("model.onnx", INTERFACE, layout.LABELS, layout.CONFIG, reader):
        if not (source / needed).is_file():
            raise StageError("B101", f"{source} has no {needed}", "package what `export` or `quantize` made")
    interface: dict[str, Any] = read_json(source / INTERFACE)
    seven_bits = interface.get("reduce_range", not target.int8_dot_product) if reduce_range is None else reduce_range
    return {**interface, "labels": read_json(source / layout.LABELS), "reduce_range": seven_bits}


def _write_model(source: Path, folder: Path, interface: dict[str, Any]) -> None:
    """Write the graph, the tokenizer or the image processor's settings, config.json and labels.json."""
    try:
        _copy_model(source, folder, interface)
        if interface.get("image"):
            shutil.copyfile(source / layout.PROCESSOR, folder / layout.PROCESSOR)
        else:
            _copy_tokenizer(source, folder, interface)
    except OSError as error:
        raise disk_error(error, folder) from error
    write_json(folder / layout.LABELS, interface["labels"])
    write_json(folder / layout.CONFIG, _config(source, interface))


def _write_larger(
    source: Path, folder: Path, interface: dict[str, Any], *, target: Target, name: str, reduce_range: bool | None
) -> None:
    """Write the second model of a cascade below the first, as a bundle of its own but for what both share; nothing without one."""
    if not has_larger(interface):
        return
    below = interface["cascade"]["larger"]["folder"]
    larger = _interface(source / below, target, reduce_range)
    (folder / below).mkdir()
    _write_model(source / below, folder / below, larger)
    manifest = make_manifest(
        folder / below, larger, name=f"{name}, larger model", target=target, made={}, licenses={"model": None, "data": None}
    )
    write_json(folder / below / layout.MANIFEST, manifest)


def _copy_model(source: Path, folder: Path, interface: dict[str, Any]) -> None:
    graph = source / "model.onnx"
    size = graph.stat().st_size
    if size >= LARGEST_FILE_BYTES or describe_graph(graph)["external"]:
        raise StageError(
            "B102",
            f"the graph does not fit one file of 2 GB ({size / 1e9:.1f} GB, or weights in other files)",
            "prune or quantize it further; a browser loads no larger file",
        )
    model = folder / layout.model_file(interface["precision"])
    model.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(graph, model)


def _config(source: Path, interface: dict[str, Any]) -> dict[str, Any]:
    """Return config.json with the labels in it, and the name by which transformers.js finds the graph."""
    config = {name: value for name, value in read_json(source / layout.CONFIG).items() if name not in LEFT_OUT}
    labels = interface["labels"]
    return {
        **config,
        "id2label": {str(number): label for number, label in enumerate(labels)},
        "label2id": {label: number for number, label in enumerate(labels)},
        **({} if interface.get("image") else {"pad_token_id": interface["pad_id"]}),
        "transformers.js_config": {"dtype": layout.javascript_dtype(interface["precision"])},
    }


def _copy_tokenizer(source: Path, folder: Path, interface: dict[str, Any]) -> None:
    """Write the tokenizer without padding or truncation: a file that pads to 128 makes short texts several times slower."""
    tokens = read_json(source / layout.TOKENIZER)
    tokens["padding"] = tokens["truncation"] = None
    # A model of tags was trained on words with a blank before each, the first of a text too.
    blank_first = interface.get("answer") == "tags" and put_blank_first(tokens)
    write_text(folder / layout.TOKENIZER, json.dumps(tokens, ensure_ascii=False, separators=(",", ":")))
    settings = read_json(source / layout.TOKENIZER_SETTINGS) if (source / layout.TOKENIZER_SETTINGS).is_file() else {}
    kept = {
        name: value
        for name, value in settings.items()
        if name not in LEFT_OUT and not (isinstance(value, str) and os.path.isabs(value))
    }
    _name_as_before(kept)
    if blank_first:
        kept["add_prefix_space"] = True  # else transformers would take it back
    write_json(folder / layout.TOKENIZER_SETTINGS, {**kept, "model_max_length": interface["max_length"]})
    if (source / layout.VOCABULARY).is_file():
        shutil.copyfile(source / layout.VOCABULARY, folder / layout.VOCABULARY)


def _name_as_before(settings: dict[str, Any]) -> None:
    """Name what transformers 5 calls otherwise as older ones, which Optimum needs, know it, in place; transformers 5 reads both."""
    if settings.get("tokenizer_class") in {None, "TokenizersBackend"}:
        settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    if isinstance(settings.get("extra_special_tokens"), list):  # to older ones it is a mapping from names
        settings["additional_special_tokens"] = settings.pop("extra_special_tokens")


def _golden(
    folder: Path,
    interface: dict[str, Any],
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    images: Sequence[Path],
) -> dict[str, Any]:
    """Answer the golden texts; or write the golden images into the bundle, and answer them."""
    if interface.get("image"):
        return make_golden_images(_loaded(folder), write_images(folder, images))
    return make_golden(_loaded(folder), texts, pairs if interface["pair"] else None)


def _loaded(folder: Path) -> Any:
    """Load a bundle on one thread; on the CPU where the target's provider is not in this machine."""
    import onnxruntime

    from compactor import runtime

    wanted = read_json(folder / layout.MANIFEST)["providers"]
    here = wanted if wanted[0] in onnxruntime.get_available_providers() else ["CPUExecutionProvider"]
    return runtime.load(folder, threads=1, providers=here)
