"""Each task from teacher to bundle, as a user runs it: the report has its figure, the bundle answers in its form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.end_to_end.task_rows import write_names, write_scores, write_topics

pytestmark = pytest.mark.model

# In fp32 everywhere: what a processor has must not decide how a test ends.
STAGES = """
seed: 0
controls: {labels_only: false, teacher_int8: false, linear: true}
stages:
  - teacher:
      config: {layers: 2, hidden: 32, heads: 2, intermediate: 64, vocabulary: 200, max_positions: 32, dropout: 0}
      max_length: 32
      train: {epochs: EPOCHS, batch_size: 16, learning_rate: RATE, precision: fp32}
  - distill:
      student: {layers: 1, init: teacher-layers}
      train: {epochs: 3, batch_size: 16, learning_rate: 3.0e-3, precision: fp32}
  - prune: {vocabulary: {keep: 100}, recover: {epochs: 1, learning_rate: 1.0e-3, precision: fp32}}
  - export: {}
  - quantize: {method: dynamic-int8}
  - package: {}
"""
TASKS = {
    "multi-label-classification": ("{train: train.jsonl, test: test.jsonl, label: topics, validation: 0.2}", 6, "5.0e-3"),
    "text-regression": (
        "{train: train.csv, test: test.csv, text: first, text_pair: second, label: score, validation: 0.2}",
        14,
        "3.0e-3",
    ),
    "token-classification": ("{train: train.conll, test: test.conll, validation: 0.2}", 4, "5.0e-3"),
}


def write_rows(folder: Path) -> None:
    for split, count, seed in (("train", 300, 1), ("test", 60, 2)):
        write_topics(folder / f"{split}.jsonl", count, seed)
        write_scores(folder / f"{split}.csv", count, seed)
        write_names(folder / f"{split}.conll", count, seed)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run a task's profile once; give the folder of the run."""
    from compactor.cli.main import main

    root = tmp_path_factory.mktemp("tasks")
    write_rows(root)
    done: dict[str, Path] = {}

    def run(task: str) -> Path:
        if task not in done:
            data, epochs, rate = TASKS[task]
            head = f"name: {task}\ntask: {task}\ntarget: host\ndata: {data}"
            (root / f"{task}.yaml").write_text(
                head + STAGES.replace("EPOCHS", str(epochs)).replace("RATE", rate), encoding="utf-8"
            )
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(root)
                assert main(["run", f"{task}.yaml", "--quick", "--threads", "1"]) == 0
            done[task] = root / "runs" / task
        return done[task]

    return run


def rows_of(run: Path) -> dict[str, Any]:
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    return {row["id"]: row for row in report["rows"] + report["controls"]}


@pytest.mark.parametrize(
    ("task", "metric", "others"),
    [
        ("multi-label-classification", "micro_f1", {"macro_f1", "subset_accuracy"}),
        ("text-regression", "spearman", {"pearson", "mean_squared_error", "explained_variance"}),
        ("token-classification", "span_f1", {"word_accuracy"}),
    ],
)
def test_every_row_has_the_figure_of_its_task(run: Any, task: str, metric: str, others: set[str]) -> None:
    rows = rows_of(run(task))
    assert list(rows)[:6] == ["teacher", "distill", "prune", "export", "quantize", "package"]
    assert ("linear" in rows) == (task != "token-classification")
    for name, row in rows.items():
        quality = row["quality"]
        assert (quality["metric"], quality["split"], quality["n"]) == (metric, "test", 60), name
        assert set(quality["others"]) == others
        assert quality["ci95"][0] <= quality["value"] <= quality["ci95"][1]
    assert rows["teacher"]["quality"]["value"] > 0.7
    assert rows["package"]["quality"]["value"] > 0.5
    assert rows["package"]["quality"]["agreement_with_teacher"] > 0.3
    assert set(rows["package"]["quality"]["against"]) >= {"teacher"}


def test_a_set_of_labels_is_answered(run: Any) -> None:
    import compactor

    model = compactor.load(run("multi-label-classification") / "bundle")
    answer = model("my money refund is paid and the password account code")
    assert {each["label"] for each in answer} <= set(model.labels) == {"delivery", "login", "refund"}
    assert [each["score"] for each in answer] == sorted((each["score"] for each in answer), reverse=True)
    assert all(each["score"] > 0.5 for each in answer)
    logits = model.logits(["parcel late", "today"])
    assert [len(each) for each in model(["parcel late", "today"])] == (logits > 0).sum(axis=1).tolist()
    config = json.loads((run("multi-label-classification") / "bundle/config.json").read_text())
    assert config["problem_type"] == "multi_label_classification"


def test_a_number_is_answered(run: Any) -> None:
    import compactor

    model = compactor.load(run("text-regression") / "bundle")
    many, none = ("refund parcel password please", "money box code help"), ("please help me", "today it is")
    assert model(*many) == {"label": "score", "score": pytest.approx(float(model.logits(*many)[0, 0]))}
    assert model(*many)["score"] > model(*none)["score"]


def test_spans_of_the_text_are_answered(run: Any) -> None:
    import compactor

    folder = run("token-classification") / "bundle"
    model = compactor.load(folder)
    text = "please help  peter smith with new york"
    answer = model(text)
    assert [(each["label"], each["text"]) for each in answer] == [("PER", "peter smith"), ("LOC", "new york")]
    assert all(text[each["start"] : each["end"]] == each["text"] and 0 < each["score"] <= 1 for each in answer)
    assert [logits.shape for logits in model.logits([text, "it"])] == [
        (len(ids["input_ids"]), 5) for ids in model.encode([text, "it"])
    ]
    assert model([text, "it is"])[1] == []
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["answer"], manifest["pipeline_tag"]) == ("tags", "token-classification")
    assert manifest["outputs"]["logits"]["axes"] == ["batch", "sequence", "labels"]


@pytest.mark.parametrize("task", TASKS)
def test_transformers_alone_gives_the_numbers_of_the_exported_graph(run: Any, task: str) -> None:
    import torch
    import transformers

    import compactor
    from compactor.tasks import TASKS as KNOWN

    stages, known = run(task) / "stages", KNOWN.load(task)()
    theirs = getattr(transformers, known.model_class).from_pretrained(stages / "prune").eval()
    assert theirs.config.problem_type == known.problem_type
    tokenizer = transformers.AutoTokenizer.from_pretrained(stages / "prune")
    texts = ("please help peter", "with money") if task == "text-regression" else ("please help peter",)
    with torch.no_grad():
        expected = theirs(**tokenizer(*texts, return_tensors="pt")).logits[0].numpy()
    found = compactor.load(stages / "export").logits(*texts)[0]
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("task", TASKS)
def test_the_bundle_passes_its_own_test_and_its_card_tells_how_to_ask(run: Any, task: str) -> None:
    from compactor.bundle import verify

    folder = run(task) / "bundle"
    assert verify(folder).passed
    card = (folder / "README.md").read_text(encoding="utf-8")
    said = {
        "multi-label-classification": ["any number of 3 labels", "top_k: null"],
        "text-regression": ["a number, `score`", "print(float(logits[0, 0]))"],
        "token-classification": ["of 2 kinds: `LOC`, `PER`", "ORTModelForTokenClassification"],
    }[task]
    assert all(part in card.replace("\n", " ") for part in said)
