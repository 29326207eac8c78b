"""How many layers a checkpoint has, by its configuration alone. Light: a profile is checked with it."""

from __future__ import annotations

from pathlib import Path

from compactor.models.finding import local_config

# What the families call it in config.json.
NAMES = ("num_hidden_layers", "n_layers")


def layers_of_folder(name: str, near: tuple[Path, ...]) -> int | None:
    """Return the layers of a model folder beside the profile; None of a hub id, or of a folder that does not tell."""
    config = local_config(name, near)
    found = next((config[key] for key in NAMES if key in config), None)
    return found if isinstance(found, int) else None
