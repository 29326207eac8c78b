"""Print the JSON schema of a profile, for editors that check and complete YAML."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `compactor schema`."""
    parser.add_argument("--markdown", action="store_true", help="print the page of all settings, docs/profile.md, instead")


def run(arguments: argparse.Namespace) -> int:
    """Print the schema."""
    import json

    if arguments.markdown:
        from compactor.pipeline.settings_page import settings_page

        print(settings_page())
        return 0
    from compactor.pipeline.schema import profile_schema

    print(json.dumps(profile_schema(), indent=2, ensure_ascii=False))
    return 0
