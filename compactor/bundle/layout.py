"""Names of the files of a bundle."""

from __future__ import annotations

SCHEMA = 1
CASCADE_SCHEMA = 2  # of a bundle with two models
MODEL_FOLDER = "onnx"
# The names that Optimum and transformers.js look for, by precision; beside each, what transformers.js calls the precision.
MODEL_FILES = {
    "fp32": ("model.onnx", "fp32"),
    "fp16": ("model_fp16.onnx", "fp16"),
    "int8": ("model_quantized.onnx", "q8"),
    "int4": ("model_q4.onnx", "q4"),
    "nf4": ("model_bnb4.onnx", "bnb4"),
    "fp4": ("model_bnb4.onnx", "bnb4"),
}
MANIFEST = "manifest.json"
GOLDEN = "golden.json"
MEASURED = "measured.json"
CARD = "README.md"
PROFILE = "profile.yaml"
LICENSES = "LICENSES"
CONFIG = "config.json"
LABELS = "labels.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_SETTINGS = "tokenizer_config.json"
VOCABULARY = "vocab.txt"
PROCESSOR = "preprocessor_config.json"
# Not hashed: the manifest itself, what is written after measuring, and the store's own record of the artifact.
UNHASHED = frozenset({MANIFEST, MEASURED, CARD, "artifact.json"})


def width(precision: str) -> str:
    """Return the number format of a precision: `int8` of `int8-dynamic` and `int8-static`."""
    return precision.partition("-")[0]


def model_file(precision: str) -> str:
    """Return where the graph of this precision lies in a bundle; an unknown precision takes the plain name."""
    return f"{MODEL_FOLDER}/{MODEL_FILES.get(width(precision), MODEL_FILES['fp32'])[0]}"


def javascript_dtype(precision: str) -> str:
    """Return the `dtype` by which transformers.js finds the graph."""
    return MODEL_FILES.get(width(precision), MODEL_FILES["fp32"])[1]
