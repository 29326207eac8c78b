"""Which model types are decoders, known without loading one. Light: a profile is checked with it."""

from __future__ import annotations

from pathlib import Path

from compactor.base.atomic import read_json
from compactor.base.errors import StageError
from compactor.models.finding import local_model

# Those that `compactor.models.families` describes.
DECODERS = frozenset({"llama", "qwen2"})
NO_ATTENTION = "use losses of answers and hidden states, such as hinton and hidden_states"


def is_decoder(name: str, near: tuple[Path, ...]) -> bool:
    """Whether a model folder beside the profile holds a decoder; of a hub id nothing is known yet."""
    try:
        folder = local_model(name, near)
        config = read_json(folder / "config.json") if folder is not None else None
    except (StageError, OSError, ValueError):
        return False  # a wrong folder is told by who looks for models
    return isinstance(config, dict) and config.get("model_type") in DECODERS
