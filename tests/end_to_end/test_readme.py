"""Every command that the README prints, run as it is printed."""

from __future__ import annotations

import re
import shlex
import shutil
import string
from pathlib import Path

import pytest

from tests.end_to_end.conftest import WORDS, Desk, make_desk, write_rows

ROOT = Path(__file__).parents[2]
COMMANDS = [
    line.split("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]
# Installing, and make itself, are what the gate does before any test can run.
DONE_BY_THE_GATE = {"make demo", "make test", 'pip install "compactor[toolchain]"'}


def save_model(folder: Path) -> None:
    """Save a classifier of random weights with 6,500 pieces, as a user's own would lie there."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    letters = [*string.ascii_lowercase, *string.digits]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    pieces += [f"{first}{second}{third}" for first in letters for second in letters[:15] for third in letters[:12]][
        : 6500 - len(pieces)
    ]
    tokenizer = Tokenizer(models.WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {f"{role}_token": f"[{role.upper()}]" for role in ("pad", "unk", "cls", "sep", "mask")}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=32, **names).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}
    labels = dict(enumerate(sorted(WORDS)))
    config = BertConfig(vocab_size=len(pieces), id2label=labels, label2id={v: k for k, v in labels.items()}, **shape)
    BertForSequenceClassification(config).save_pretrained(folder)


@pytest.fixture(scope="module")
def desk(tmp_path_factory, finished) -> Desk:
    """A desk with the files that the README speaks of."""
    desk = make_desk(tmp_path_factory.mktemp("readme") / "desk")
    shutil.copytree(ROOT / "profiles", desk.folder / "profiles")
    write_rows(desk.folder / "mine.csv", 160, seed=1)
    save_model(desk.folder / "my-model")
    shutil.copytree(finished.folder / "runs/tiny/bundle", desk.folder / "runs/quickstart/bundle")
    return desk


@pytest.mark.model
@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in DONE_BY_THE_GATE])
def test_command(desk, command):
    words = shlex.split(command)
    assert words[0] == "compactor", f"this test does not know how to run: {command}"
    # A run is timed in short here: the long way is the same code with more samples.
    result = desk.compactor(*words[1:], *(["--quick"] if words[1] == "run" else []))
    # The user's model here is random, so a budget may well be missed; nothing else may go wrong.
    assert result.returncode in ({0, 3} if words[1] == "run" else {0}), result.stderr


def test_the_readme_prints_commands():
    assert {"make demo", "make test"} <= set(COMMANDS)
    assert len(COMMANDS) > 8
