"""Sentence embeddings from a teacher's vectors to a bundle, as a user runs it; with and without scored pairs."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.end_to_end.task_rows import TOPICS, text_with
from tests.models.test_sentence_encoder import write_encoder

pytestmark = pytest.mark.model

PROFILE = """
target: host
seed: 0
controls: {teacher_int8: false}
stages:
  - teacher: {model: encoder, max_length: 24}
  - distill:
      student: {layers: 2, hidden: 12, heads: 2, init: pca}
      losses: [cosine: {weight: 1}, relational: {of: logits, weight: 0.1}]
      train: {epochs: 20, batch_size: 32, learning_rate: 1.0e-2}
  - prune: {vocabulary: {keep: 150}, recover: {epochs: 1, learning_rate: 1.0e-3}}
  - export: {}
  - quantize: {method: dynamic-int8}
  - package: {}
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an encoder, texts, and pairs of texts whose score is what they share."""
    root, dice = tmp_path_factory.mktemp("embeddings"), random.Random(0)
    write_encoder(root / "encoder")
    topics = list(TOPICS)
    for split, count in (("train", 300), ("test", 60)):
        texts = [text_with(dice, dice.sample(topics, dice.randint(1, 2))) for _ in range(count)]
        (root / f"{split}.csv").write_text("text\n" + "\n".join(dict.fromkeys(texts)) + "\n", encoding="utf-8")
        lines = ["one,other,score"]
        for _ in range(count):
            one, other = dice.sample(topics, 2), dice.sample(topics, 2)
            lines.append(f"{text_with(dice, one)},{text_with(dice, other)},{len(set(one) & set(other))}")
        (root / f"{split}-pairs.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def finished(desk: Path) -> Path:
    """The run on texts alone."""
    return run(desk, "texts", "{train: train.csv, test: test.csv}")


def run(desk: Path, name: str, data: str, *more: str) -> Path:
    from compactor.cli.main import main

    (desk / f"{name}.yaml").write_text(f"name: {name}\ntask: sentence-similarity\ndata: {data}{PROFILE}", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(desk)
        assert main(["run", f"{name}.yaml", "--quick", "--threads", "1", *more]) == 0
    return desk / "runs" / name


def rows_of(folder: Path) -> dict[str, Any]:
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert not report["controls"], "nothing learns from labels here, and n-grams give no vectors"
    return {row["id"]: row for row in report["rows"]}


def test_without_scores_every_row_is_held_against_the_teacher(finished: Path) -> None:
    rows = rows_of(finished)
    assert rows["teacher"]["quality"]["value"] == 1.0
    packaged = rows["package"]["quality"]
    assert packaged["metric"] == "spearman"
    assert packaged["value"] > 0.4  # the teacher is random: its answers to new texts can be learned only in part
    assert packaged["others"]["teacher_cosine"] > 0.95
    assert packaged["others"]["recall_at_10"] > 0.3
    assert packaged["ci95"][0] <= packaged["value"] <= packaged["ci95"][1]
    assert rows["distill"]["parameters"] < rows["teacher"]["parameters"]


def test_an_app_gets_vectors_in_the_teachers_space(finished: Path, desk: Path) -> None:
    import torch

    import compactor
    from compactor.models.loading import load
    from compactor.models.tokenizer import load_tokenizer
    from compactor.tasks import TASKS

    model = compactor.load(finished / "bundle")
    texts = ["refund my money", "parcel is late"]
    found = model.embed(texts)
    assert found.shape == (2, 16)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-4)
    np.testing.assert_array_equal(model.embed(texts[0])[0], found[0])
    assert model.embed([]).shape == (0, 16)
    assert (compactor.load(finished / "stages/export").embed(texts) * found).sum(axis=1).min() > 0.95, "int8 beside fp32"
    teacher = load(desk / "encoder", TASKS.load("sentence-similarity")())
    tokens = load_tokenizer(desk / "encoder").encode(texts[0])
    with torch.no_grad():
        theirs = teacher(torch.tensor([tokens.ids]), torch.ones(1, len(tokens.ids), dtype=torch.int64)).embedding[0].numpy()
    assert float(theirs @ found[0]) > 0.9
    with pytest.raises(ValueError, match="use embed"):
        model(texts)
    config = json.loads((finished / "bundle/config.json").read_text(encoding="utf-8"))
    assert config["sentence_encoder"] == {"pooling": "mean", "dimension": 16}


def test_the_bundle_proves_itself_and_says_what_it_gives(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from compactor.bundle import verify
    from compactor.cli.main import main

    assert verify(finished / "bundle").passed
    card = (finished / "bundle/README.md").read_text(encoding="utf-8")
    assert "answers with an embedding of length 1" in card
    assert "model.embed(" in card
    assert "Optimum" not in card
    capsys.readouterr()
    assert main(["try", str(finished / "bundle"), "parcel is late"]) == 0
    assert "(16 numbers)" in capsys.readouterr().out


def test_scored_pairs_judge_the_teacher_too(desk: Path) -> None:
    data = "{train: train-pairs.csv, test: test-pairs.csv, text: one, text_pair: other, label: score, validation: 0.2}"
    rows = rows_of(run(desk, "pairs", data, "--set", "distill.train.epochs=2"))
    assert rows["teacher"]["quality"]["n"] == 60
    assert rows["teacher"]["quality"]["value"] < 1.0
    assert set(rows["package"]["quality"]["others"]) == {"pearson", "teacher_cosine", "recall_at_10"}
    low, high = rows["package"]["quality"]["against"]["teacher"]["ci95"]
    assert low < high


def test_what_needs_labels_is_refused_before_any_work(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from compactor.cli.main import main

    text = f"name: x\ntask: sentence-similarity\ndata: {{train: train.csv}}{PROFILE}"
    text = text.replace("losses: [cosine: {weight: 1}", "losses: [cross_entropy: {weight: 1}")
    text = text.replace("{model: encoder, max_length: 24}", "{model: encoder, train: {epochs: 1}}")
    (desk / "wrong.yaml").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(desk)
        assert main(["validate", "wrong.yaml"]) == 2
    told = capsys.readouterr().err
    assert "P154" in told
    assert "P164" in told
