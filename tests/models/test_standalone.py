"""A folder whose layers are not all equally wide is read by transformers alone, by the modeling file beside its weights."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pytest

from tests.models.test_families import FAMILIES, TASK, UNEVEN, answers, narrowed, written
from tests.pruning import tiny

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.model

from compactor.models import load  # noqa: E402
from compactor.models.factorized import factorize  # noqa: E402


@pytest.fixture
def without_compactor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every import of compactor fail."""
    for name in [name for name in sys.modules if name.split(".")[0] == "compactor"]:
        monkeypatch.setitem(sys.modules, name, None)


def read_plainly(folder: Any, **options: Any) -> Any:
    from transformers import AutoModelForSequenceClassification

    return AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager", **options).eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_plain_transformers_reads_uneven_widths_to_the_bit(family, tmp_path, request):
    model = narrowed(tiny.model(family, layers=2), UNEVEN)
    folder = written(model, tiny.tokenizer(tmp_path / "tokenizer"), tmp_path / f"uneven-{family}")
    wanted = answers(model)
    with pytest.raises(Exception, match=r"size|mismatch"):
        read_plainly(folder, trust_remote_code=False)
    request.getfixturevalue("without_compactor")
    assert "import compactor" not in (folder / "modeling_uneven.py").read_text()
    batches = [{name: torch.from_numpy(value) for name, value in batch.items()} for batch in tiny.batches(2, pad=0)]
    again = read_plainly(folder, trust_remote_code=True)
    with torch.no_grad():
        assert np.array_equal(np.concatenate([again(**batch).logits.numpy() for batch in batches]), wanted)


def test_a_factorized_table_is_read_too(tmp_path):
    model = tiny.model("bert", layers=2)
    factorize(model, 8)
    folder = written(model, tiny.tokenizer(tmp_path / "tokenizer"), tmp_path / "factorized")
    assert np.array_equal(answers(read_plainly(folder, trust_remote_code=True)), answers(model))


def test_the_file_goes_when_it_is_not_needed_and_compactor_never_runs_it(tmp_path):
    tokenizer, folder = tiny.tokenizer(tmp_path / "tokenizer"), tmp_path / "model"
    model = narrowed(tiny.model("bert", layers=2), UNEVEN)
    written(model, tokenizer, folder)
    (folder / "modeling_uneven.py").write_text("raise RuntimeError('it was run')")
    assert np.array_equal(answers(load(folder, TASK)), answers(model))
    written(tiny.model("bert", layers=2), tokenizer, folder)
    assert not (folder / "modeling_uneven.py").exists()
    assert "auto_map" not in json.loads((folder / "config.json").read_text())
