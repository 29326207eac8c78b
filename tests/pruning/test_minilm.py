"""A real encoder on real texts: how near a narrower or smaller MiniLM stays to the whole one."""

from __future__ import annotations

import copy
import csv

import numpy as np
import pytest

from tests.pruning import tiny

pytestmark = pytest.mark.slow


def texts(root, split, count=None):
    with (root / f"data/banking77/{split}.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row["text"] for row in csv.DictReader(stream)]
    step = 1 if count is None else len(rows) // count
    return rows[::step][:count]


def in_batches(folder, given, size=32):
    given = sorted(given, key=len)
    return [tiny.encode(folder, given[start : start + size]) for start in range(0, len(given), size)]


def load(folder):
    from compactor.models import load_checkpoint
    from compactor.tasks import TASKS

    task = TASKS.load("text-classification")()
    return load_checkpoint(folder, task, labels=("a", "b"), fresh_head=True).model


def states(model, batches):
    """Return the mean of the last hidden states of each text, padding left out."""
    import torch

    found = []
    for batch in batches:
        mask = torch.from_numpy(batch["attention_mask"])
        with torch.no_grad():
            hidden = model.bert(input_ids=torch.from_numpy(batch["input_ids"]), attention_mask=mask).last_hidden_state
        found.append(((hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)).numpy())
    return np.concatenate(found)


def cosine(first, second):
    return float(((first * second).sum(1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)).mean())


@pytest.mark.parametrize(("part", "cut_most", "refit_least"), [("intermediate", 0.86, 0.94), ("heads", 0.91, 0.93)])
def test_the_refit_brings_half_the_width_near_the_whole(data_root, part, cut_most, refit_least):
    from compactor.pruning.narrow import choose, narrow

    folder = data_root / "models/all-MiniLM-L6-v2"
    model = load(folder)
    calibration = in_batches(folder, texts(data_root, "train", 256))
    unseen = in_batches(folder, texts(data_root, "test", 150))
    whole = states(model, unseen)
    kept = choose(model, {part: 0.5}, calibration, importance="wanda", round_to=8, seed=0)
    cut = copy.deepcopy(model)
    narrow(cut, kept)
    narrow(model, kept, calibration)
    without, with_refit = cosine(whole, states(cut, unseen)), cosine(whole, states(model, unseen))
    print(f"{part}: cosine {without:.3f} after the cut, {with_refit:.3f} after the refit")
    assert without < cut_most
    assert with_refit > refit_least


def test_six_thousand_pieces_read_the_train_texts_as_thirty_thousand_do(data_root, tmp_path):
    from compactor.models.tokenizer import load_tokenizer
    from compactor.pruning.vocabulary import prune_vocabulary

    folder = data_root / "models/all-MiniLM-L6-v2"
    model, train, test = load(folder), texts(data_root, "train"), texts(data_root, "test")
    sample = train[:64]
    before = states(model, [tiny.encode(folder, sample)])
    choice = prune_vocabulary(model, folder, tmp_path, in_batches(folder, train, 1000), 6000)
    assert (len(choice.kept), choice.size_before, choice.used_dropped) == (6000, 30522, 0)
    assert np.array_equal(states(model, [tiny.encode(tmp_path, sample)]), before)
    whole, smaller = load_tokenizer(folder), load_tokenizer(tmp_path)

    def pieces(given):
        return [[encoding.tokens for encoding in tokenizer.encode_batch(given)] for tokenizer in (whole, smaller)]

    old, new = pieces(train)
    assert old == new
    old, new = pieces(test)
    changed = sum(first != second for first, second in zip(old, new, strict=True)) / len(test)
    print(f"{choice.used} pieces are used; {changed:.1%} of the test texts are read in other pieces")
    assert 0 < changed < 0.08
    assert sum(tokens.count("[UNK]") for tokens in new) == sum(tokens.count("[UNK]") for tokens in old)


@pytest.mark.parametrize("pattern", ["2:4", None], ids=["2:4", "half"])
def test_sparsegpt_stays_nearest_and_magnitude_furthest_on_real_activations(data_root, pattern):
    from compactor.pruning.pattern import Sparsity
    from compactor.pruning.sparsify import sparsify

    folder = data_root / "models/all-MiniLM-L6-v2"
    model = load(folder)
    calibration = in_batches(folder, texts(data_root, "train", 128))
    unseen = in_batches(folder, texts(data_root, "test", 150))
    whole, errors, cosines = states(model, unseen), {}, {}
    sparsity = Sparsity.read(pattern) if pattern else Sparsity(0.5)
    assert sparsity is not None
    for method in ("sparsegpt", "wanda", "magnitude"):
        sparse = copy.deepcopy(model)
        facts = sparsify(sparse, calibration, sparsity, method, block=128, damping=0.01)
        errors[method] = sum(fact["error"] for fact in facts) / len(facts)
        cosines[method] = cosine(whole, states(sparse, unseen))
    print(f"{pattern or 'half'}: mean output error {errors}, cosine of unseen texts {cosines}")
    assert errors["sparsegpt"] <= errors["wanda"] < errors["magnitude"]
    assert cosines["sparsegpt"] >= cosines["wanda"] > cosines["magnitude"]
