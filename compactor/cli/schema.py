"""Print the JSON schema of a profile, for editors that check and complete YAML."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compactor schema`: none."""


def run(arguments: argparse.Namespace) -> int:
    """Print the schema."""
    import json

    from compactor.pipeline.schema import profile_schema

    print(json.dumps(profile_schema(), indent=2, ensure_ascii=False))
    return 0
