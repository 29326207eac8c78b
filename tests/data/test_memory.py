"""A million rows do not need a million Python objects."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ROWS = 1_000_000
SCRIPT = """
import sys
from pathlib import Path
import numpy, pyarrow.csv, tokenizers
from compactor.base.reporter import Reporter
from compactor.data import DataSettings, encode, open_data

def peak_mb():
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status["VmHWM"].split()[0]) / 1024

start, folder = peak_mb(), Path(sys.argv[1])
data = open_data(DataSettings(train="a.csv"), near=(folder,), seed=0, cache=folder / "cache", online=False, reporter=Reporter())
words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0, "word": 1}, unk_token="[UNK]"))
words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
encode(data.validation, words, 32, folder / "encoded")
print(len(data.train) + len(data.validation), round(peak_mb() - start))
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads VmHWM")
def test_a_million_rows(tmp_path):
    """Texts in Arrow take 60 MB and ids 8 bytes a row and split; as Python strings the texts alone would take 120 MB more."""
    with (tmp_path / "a.csv").open("w") as stream:
        stream.write("text,label\n")
        stream.writelines(
            f"a row of some twelve words that all have different numbers {row},{row % 7}\n" for row in range(ROWS)
        )
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=True)
    rows, grown_mb = map(int, done.stdout.split())
    assert rows == ROWS
    assert grown_mb < 330
