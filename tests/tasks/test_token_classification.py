"""Spans against seqeval's own F1, words against sentences, words that were cut off."""

from __future__ import annotations

import numpy as np
import pytest

from compactor.tasks import TASKS
from compactor.tasks.metrics.spans import readable_tags

TASK = TASKS.load("token-classification")()
seqeval_metrics = pytest.importorskip("seqeval.metrics")
SCHEMES = {
    "IOB2": ("O", "B-PER", "I-PER", "B-LOC", "I-LOC"),
    "IOB1": ("I-PER", "O", "I-LOC", "B-LOC"),
    "IOBES": ("O", *(f"{place}-{kind}" for kind in ("PER", "LOC") for place in "BIES")),
}


def answers(seed, names, sentences=40, share_right=0.8):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 12, sentences)
    labels = np.full((sentences, lengths.max()), -100)
    for row, length in enumerate(lengths):
        labels[row, :length] = rng.integers(0, len(names), length)
    wanted = labels[labels >= 0]
    chosen = np.where(rng.random(len(wanted)) < share_right, wanted, rng.integers(0, len(names), len(wanted)))
    logits = rng.normal(size=(len(wanted), len(names)))
    logits[np.arange(len(wanted)), chosen] += 10
    return logits.astype(np.float32), labels, chosen


def sentences_of(flat, labels):
    ends = np.cumsum((labels >= 0).sum(axis=1))
    return np.split(flat, ends[:-1])


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("seed", range(4))
def test_same_as_seqeval(scheme, seed):
    names = SCHEMES[scheme]
    logits, labels, chosen = answers(seed, names)
    theirs = [[[names[tag] for tag in row] for row in sentences_of(flat, labels)] for flat in (labels[labels >= 0], chosen)]
    quality = TASK.quality(logits, labels, split="test", seed=0, names=names)
    assert quality.value == pytest.approx(seqeval_metrics.f1_score(*theirs))
    assert quality.others["word_accuracy"] == pytest.approx(seqeval_metrics.accuracy_score(*theirs))
    assert quality.n == 40
    assert TASK.value(logits, labels, names=names) == quality.value
    assert quality.ci95[0] < quality.value < quality.ci95[1]


def test_a_span_does_not_go_on_into_the_next_sentence():
    names = SCHEMES["IOB2"]
    labels = np.array([[0, 1], [2, -100]])  # O B-PER | I-PER: two spans
    logits = np.eye(5, dtype=np.float32)[[0, 1, 2]]
    assert TASK.value(logits, labels, names=names) == 1.0
    missed = np.eye(5, dtype=np.float32)[[0, 1, 0]]
    assert TASK.value(missed, labels, names=names) == pytest.approx(2 / 3)


def test_bilou_and_types_with_dashes_are_read():
    assert readable_tags(("O", "B-a-x", "I-a-x", "L-a-x", "U-b-x")) == ["O", "B-0", "I-0", "E-0", "S-1"]
    names = ("O", "B-a-x", "B-b-x")
    wrong = np.eye(3, dtype=np.float32)[[1, 0]]
    assert TASK.value(wrong, np.array([[2, 0]]), names=names) == 0.0


def test_parts_of_speech_are_counted_by_word():
    names = ("ADJ", "I", "NOUN")
    labels = np.array([[0, 2, 2], [2, 1, -100]])
    logits = np.eye(3, dtype=np.float32)[[0, 2, 0, 2, 1]]
    quality = TASK.quality(logits, labels, split="test", seed=0, names=names)
    assert quality.value == pytest.approx(quality.others["word_accuracy"]) == pytest.approx(0.8)


def test_words_that_were_cut_off_are_answered_with_nothing():
    names = ("B-PER", "O")
    labels = np.array([[0, 1, 0]])
    logits = np.array([[3, 0], [0, 3], [0, 0]], dtype=np.float32)
    quality = TASK.quality(logits, labels, split="test", seed=0, names=names)
    assert quality.value == pytest.approx(2 / 3)


def test_difference_is_paired():
    names = SCHEMES["IOB2"]
    logits, labels, _ = answers(3, names, sentences=300, share_right=0.95)
    worse = logits.copy()
    worse[::20] = np.roll(worse[::20], 1, axis=1)
    found = TASK.difference(logits, worse, labels, seed=0, names=names)
    assert found[0] == pytest.approx(TASK.value(logits, labels, names=names) - TASK.value(worse, labels, names=names))
    assert 0 < found[1][0] < found[0] < found[1][1]


def test_answers_that_cannot_be_scored():
    names = SCHEMES["IOB2"]
    logits, labels, _ = answers(0, names)
    with pytest.raises(ValueError, match="labels for logits"):
        TASK.value(logits[:-1], labels, names=names)
    with pytest.raises(ValueError, match="names of tags"):
        TASK.value(logits, labels)
