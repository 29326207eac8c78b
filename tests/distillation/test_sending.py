"""What helpers are handed."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.distillation import tiny

pytestmark = pytest.mark.model
REPOSITORY = Path(__file__).parents[2]
RECEIVE = """
import sys
import numpy as np, torch
from compactor.distillation.sending import unpack
model, ids, rows = unpack(open(sys.argv[1], "rb").read())
outputs = model(input_ids=ids, output_hidden_states=True)
assert isinstance(rows._ids, np.memmap) and rows.batch(np.arange(5))["labels"].shape == (5,)
np.savez(sys.argv[2], logits=outputs.logits.detach(), last=outputs.hidden_states[-1].detach(), states=len(outputs.hidden_states))
"""


def test_a_model_that_has_shown_its_states_and_mapped_rows_arrive(rows: Any, tmp_path: Path) -> None:
    """transformers hangs local functions into such a model, and knows nothing of its class in a process that never made one."""
    import torch

    from compactor.distillation.sending import pack

    model, ids = tiny.model(1), torch.tensor([[2, 11, 21, 30], [2, 12, 25, 33]])
    expected = model(input_ids=ids, output_hidden_states=True)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        pickle.dumps(model)
    sent = pack((model, ids, rows))
    (tmp_path / "sent").write_bytes(sent)
    command = [sys.executable, "-c", RECEIVE, str(tmp_path / "sent"), str(tmp_path / "seen.npz")]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    seen = np.load(tmp_path / "seen.npz")
    assert np.array_equal(seen["logits"], expected.logits.detach().numpy())
    assert np.array_equal(seen["last"], expected.hidden_states[-1].detach().numpy())
    assert seen["states"] == len(expected.hidden_states)


def test_a_mapped_array_is_sent_as_its_name_and_missed_with_a_sentence(tmp_path: Path) -> None:
    from compactor.base.errors import StageError
    from compactor.distillation.sending import pack, unpack

    array = np.random.default_rng(0).random((5000, 8))
    np.save(tmp_path / "rows.npy", array)
    sent = pack({"kept": np.load(tmp_path / "rows.npy", mmap_mode="r"), "order": np.asfortranarray(array)})
    assert len(sent) < array.nbytes + 2000
    received = unpack(sent)
    assert isinstance(received["kept"], np.memmap)
    assert np.array_equal(received["kept"], array)
    (tmp_path / "rows.npy").unlink()
    with pytest.raises(StageError, match="a file system that all machines share"):
        unpack(sent)
