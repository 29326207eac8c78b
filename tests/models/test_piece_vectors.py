"""First piece vectors: means of an encoder's states, scikit-learn's PCA of them, and weights by frequency."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compactor.models.students import StaticStudent, build_student
from tests.distillation import tiny
from tests.models import folders, students

pytestmark = pytest.mark.model


def test_a_piece_is_the_mean_of_the_encoders_states_around_it(tmp_path: Path) -> None:
    import torch

    from compactor.models.piece_vectors import encoder_vectors, spelt
    from compactor.models.tokenizer import load_tokenizer

    model, tokenizer = folders.write_model(tmp_path), load_tokenizer(tmp_path)
    rows = spelt(tokenizer, ["red", "##ing", "apples", "[MASK]"])
    assert rows == [[2, 5, 3], [2, 15, 3], [2, 8, 14, 3], [2, 4, 3]]
    found = encoder_vectors(model, rows, 0)
    with torch.no_grad():
        for row, vector in zip(rows, found, strict=True):
            states = model.bert(input_ids=torch.tensor([row])).last_hidden_state[0]
            assert torch.allclose(vector, states.mean(dim=0), atol=1e-5)
    assert spelt(tokenizer, ["red", "apples"], alone=True) == [[5], [8, 14]]


def test_directions_and_share_are_those_of_scikit_learn() -> None:
    import torch
    from sklearn.decomposition import PCA

    from compactor.models.piece_vectors import SPREAD, reduced

    vectors = torch.randn(200, 12, generator=torch.Generator().manual_seed(0)) * torch.linspace(3, 0.1, 12)
    table, share = reduced(vectors, 5, special=(0, 7))
    words = np.setdiff1d(np.arange(200), [0, 7])
    theirs = PCA(5).fit(vectors[words].numpy())
    assert share == pytest.approx(theirs.explained_variance_ratio_.sum(), rel=1e-5)
    wanted = theirs.transform(vectors[words].numpy())
    wanted *= SPREAD / np.sqrt(np.square(wanted).mean())
    assert np.abs(table[words].numpy()) == pytest.approx(np.abs(wanted), abs=1e-4)  # signs are free
    assert table[[0, 7]].abs().sum() == 0
    wide, whole = reduced(vectors, 20)
    assert wide.shape == (200, 20)
    assert whole == pytest.approx(1.0)
    assert wide[:, 12:].abs().sum() == 0


def test_weights_are_halved_at_the_smoothing_share_and_padding_is_not_counted(tmp_path: Path) -> None:
    from compactor.models.piece_vectors import piece_shares, smooth_inverse_frequency

    rows = tiny.rows(tmp_path)
    batches = [rows.batch(np.arange(start, start + 20)) for start in (0, 20, 40)]
    shares = piece_shares(batches, tiny.PIECES)
    assert float(shares.sum()) == pytest.approx(1.0)
    assert float(shares[0]) == 0.0
    assert float(shares[2]) == pytest.approx(60 / rows.lengths.sum())
    weights = smooth_inverse_frequency(shares, float(shares[2]))
    assert float(weights[2]) == pytest.approx(0.5)
    assert float(weights[1]) == 1.0
    assert smooth_inverse_frequency(shares, 0.0).eq(1.0).all()


@pytest.mark.parametrize("init", ["encoder", "table"])
def test_first_vectors_may_come_from_another_model_with_other_ids(tmp_path: Path, init: str) -> None:
    """The other model is the teacher with its pieces in another order: a student must begin with the same vectors."""
    import torch
    from safetensors.torch import load_file, save_file

    folders.write_model(tmp_path / "one")
    teacher = folders.write_model(tmp_path / "other")
    order = torch.arange(tiny.PIECES)
    order[5:16] = order[5:16].flip(0)
    weights = load_file(tmp_path / "other" / "model.safetensors")
    name = "bert.embeddings.word_embeddings.weight"
    save_file({**weights, name: weights[name][order].contiguous()}, tmp_path / "other" / "model.safetensors", {"format": "pt"})
    for file in ("tokenizer.json", "vocab.txt"):
        text = (tmp_path / "other" / file).read_text()
        (tmp_path / "other" / file).write_text(_reversed(text) if file == "tokenizer.json" else text)
    settings = StaticStudent(hidden=8, head=6, init=init)  # type: ignore[arg-type]
    common = {"task": students.TASK, "tokenizer": tmp_path / "one"}
    own, _ = build_student(teacher, settings, **common)  # type: ignore[arg-type]
    given, _ = build_student(teacher, settings, encoder=tmp_path / "other", **common)  # type: ignore[arg-type]
    assert torch.allclose(given.embeddings.weight[5:16], own.embeddings.weight[5:16], atol=0.05)
    rows = given.embeddings.weight.detach()[5:16]
    assert float((rows - rows.flip(0)).abs().max()) > 0.1


@pytest.mark.parametrize("init", ["encoder", "table"])
def test_rows_beyond_the_pieces_of_a_teacher_without_special_pieces_begin_at_zero(tmp_path: Path, init: str) -> None:
    from tokenizers import Tokenizer, models

    from compactor.models.tokenizer import write_tokenizer
    from tests.pruning import tiny as families

    letters = {letter: number for number, letter in enumerate("abcdefghijklmnop")}
    write_tokenizer(Tokenizer(models.BPE(letters, [])), tmp_path, settings={}, length=32, pad=0)
    teacher = families.model("qwen2", layers=1, pieces=20)
    settings = StaticStudent(hidden=8, head=6, init=init)  # type: ignore[arg-type]
    student, facts = build_student(teacher, settings, task=students.TASK, tokenizer=tmp_path)
    table = student.embeddings.weight.detach()
    assert table.isfinite().all()
    assert table[16:].abs().sum() == 0
    assert table[1:16].abs().sum(dim=1).min() > 0
    assert 0 < facts["variance_kept"] <= 1


def _reversed(text: str) -> str:
    """Return tokenizer.json with the ids of the words 5 to 15 in reverse."""
    import json

    content = json.loads(text)
    vocabulary = content["model"]["vocab"]
    content["model"]["vocab"] = {piece: 20 - number if 5 <= number <= 15 else number for piece, number in vocabulary.items()}
    return json.dumps(content)
