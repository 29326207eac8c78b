"""The `data` part of a profile."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from compactor.data import DataSettings
from compactor.data.settings import BUILTIN


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "name `train`"),
        ({"source": "builtin:nothing"}, "there is no source 'builtin:nothing'"),
        ({"source": BUILTIN, "train": "a.csv"}, "brings its own splits"),
        ({"source": BUILTIN, "validation": "a.csv"}, "brings its own splits"),
        ({"train": "a.csv", "extra": True}, "works with"),
        ({"train": "a.csv", "validation": 1}, "a share between 0 and 1"),
        ({"train": "a.csv", "validation": 0.0}, "a share between 0 and 1"),
        ({"train": "a.csv", "limit": 0}, "greater than 1"),
        ({"train": "a.csv", "lable": "x"}, "lable"),
    ],
)
def test_refused(settings, sentence):
    with pytest.raises(ValidationError, match=sentence):
        DataSettings(**settings)


def test_validation_is_a_share_or_a_file():
    assert DataSettings(train="a.csv", validation=0.2).validation == 0.2
    assert DataSettings(train="a.csv", validation="b.csv").validation == "b.csv"


def test_settings_import_nothing_heavy():
    script = "import sys, compactor.data, compactor.tasks.text_classification; print(sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert not [name for name in ("pyarrow", "tokenizers", "torch", "datasets", "sklearn", "numpy") if f"'{name}'" in modules]
