"""Which model types are decoders, known without loading one. Light: a profile is checked with it."""

from __future__ import annotations

from pathlib import Path

from compactor.models.finding import local_config

# Those that `compactor.models.families` describes.
DECODERS = frozenset({"llama", "qwen2"})
NO_ATTENTION = "use losses of answers and hidden states, such as hinton and hidden_states"


def is_decoder(name: str, near: tuple[Path, ...]) -> bool:
    """Whether a model folder beside the profile holds a decoder; of a hub id nothing is known yet."""
    return local_config(name, near).get("model_type") in DECODERS
