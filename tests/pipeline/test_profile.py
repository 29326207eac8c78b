"""What a user reads when a profile is wrong, word for word; and what a right one knows."""

from __future__ import annotations

import pytest

from compactor.base.errors import ProfileError
from compactor.base.registry import Registry
from compactor.pipeline.profile import load_profile
from compactor.stages import Stage

FAKE = Registry("tests.pipeline.stages", Stage)
HEAD = """\
name: my-model
task: text-classification
target: laptop-cpu
data: {train: train.csv, label: category}
"""
CHAIN = """\
stages:
  - teacher: {model: ./model}
  - distill: {train: {epochs: 2}}
  - prune: {}
  - export
  - quantize:
  - package: {}
"""


@pytest.fixture(autouse=True)
def _beside_the_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.csv").write_text("text,category\nhello,greeting\n")
    (tmp_path / "model").mkdir()


def load(text, *overrides, **options):
    with open("p.yaml", "w", encoding="utf-8") as stream:
        stream.write(text)
    return load_profile("p.yaml", overrides, registry=FAKE, **options)


def told(text, *overrides, **options):
    with pytest.raises(ProfileError) as caught:
        load(text, *overrides, **options)
    return str(caught.value)


def test_a_right_profile_knows_everything_the_run_needs(tmp_path):
    profile = load(HEAD + "budget: {size_mb: 10}\nseed: 3\ncontrols: {linear: false}\n" + CHAIN)
    assert (profile.name, profile.task.name, profile.target.name, profile.seed) == (
        "my-model",
        "text-classification",
        "laptop-cpu",
        3,
    )
    assert profile.budget.size_mb == 10
    assert profile.controls.labels_only is True
    assert profile.controls.linear is False
    assert profile.data.label == "category"
    assert [step.label for step in profile.steps] == ["teacher", "distill", "prune", "export", "quantize", "package"]
    assert profile.steps[1].stage.train.epochs == 2
    assert profile.steps[1].place.line == 10
    assert profile.near == (tmp_path,)
    assert profile.text == HEAD + "budget: {size_mb: 10}\nseed: 3\ncontrols: {linear: false}\n" + CHAIN


def test_a_stage_used_twice_gets_labels():
    profile = load(HEAD + "stages:\n  - teacher: {model: ./model}\n  - distill\n  - distill: {}\n  - distill\n")
    assert [step.label for step in profile.steps] == ["teacher", "distill", "distill-2", "distill-3"]


def test_all_mistakes_are_told_at_once_sorted_by_line(tmp_path):
    text = """\
name: my model
task: text-clasification
target: laptop
budget: {accuracy_drop: -1, size: 3, latency_ms: fast}
sed: 0
data: {train: trian.csv, label: category}
stages:
  - teacher: {modl: x}
  - distill:
      losses:
        - hinton: {temprature: 4}
        - hinton: {temperature: -4}
      train: {decay: linar, batch_size: 3.5, epochs: "0,5"}
  - quantise: {}
"""
    assert (
        told(text)
        == f"""\
p.yaml:1:7: P008: name is the text 'my model' (name of the run folder: letters, digits, '-', '_' and '.')
    name: my model
          ^
p.yaml:2:7: P030: there is no task 'text-clasification' (did you mean 'text-classification'?)
    task: text-clasification
          ^
p.yaml:3:9: P031: there is no target 'laptop' (did you mean 'laptop-cpu'? or the path of a target YAML)
    target: laptop
            ^
p.yaml:4:25: P008: accuracy_drop is -1 (it must be at least 0)
    budget: {{accuracy_drop: -1, size: 3, latency_ms: fast}}
                            ^
p.yaml:4:29: P004: unknown setting 'size' (did you mean 'size_mb'?)
    budget: {{accuracy_drop: -1, size: 3, latency_ms: fast}}
                                ^
p.yaml:4:50: P006: latency_ms must be a number, not the text 'fast'
    budget: {{accuracy_drop: -1, size: 3, latency_ms: fast}}
                                                     ^
p.yaml:5:1: P004: unknown setting 'sed' (did you mean 'seed'?)
    sed: 0
    ^
p.yaml:6:15: P040: data.train: there is no file trian.csv (did you mean train.csv?; looked in {tmp_path})
    data: {{train: trian.csv, label: category}}
                  ^
p.yaml:8:15: P004: unknown setting 'modl' (did you mean 'model'?)
      - teacher: {{modl: x}}
                  ^
p.yaml:11:20: P004: unknown setting 'temprature' (did you mean 'temperature'?)
            - hinton: {{temprature: 4}}
                       ^
p.yaml:12:33: P008: temperature is -4 (it must be more than 0)
            - hinton: {{temperature: -4}}
                                    ^
p.yaml:13:22: P010: decay is the text 'linar' (did you mean 'linear'?)
          train: {{decay: linar, batch_size: 3.5, epochs: "0,5"}}
                         ^
p.yaml:13:41: P006: batch_size must be a whole number, not 3.5
          train: {{decay: linar, batch_size: 3.5, epochs: "0,5"}}
                                            ^
p.yaml:13:54: P006: epochs must be a number, not the text '0,5' (write it with a point, such as 0.5)
          train: {{decay: linar, batch_size: 3.5, epochs: "0,5"}}
                                                         ^
p.yaml:14:5: P020: there is no stage 'quantise' (did you mean 'quantize'?)
      - quantise: {{}}
        ^"""
    )


@pytest.mark.parametrize(
    ("stages", "line", "sentence"),
    [
        (
            "[teacher: {model: ./model}, quantize]",
            5,
            "quantize takes onnx, but teacher before it gives torch (put export between them)",
        ),
        (
            "[teacher: {model: ./model}, export, prune]",
            5,
            "prune takes torch, but export before it gives onnx (put it right after teacher)",
        ),
        ("[distill]", 5, "distill takes torch, but it is the first stage (put teacher before it)"),
        (
            "[teacher: {model: ./model}, teacher: {model: ./model}]",
            5,
            "teacher stands here a second time (it may stand in a profile only once)",
        ),
        (
            "[teacher: {model: ./model}, prune, quantize]",
            5,
            "quantize takes onnx, but prune before it gives torch (put export between them)",
        ),
        (
            "[teacher: {model: ./model}, package]",
            5,
            "package takes onnx, but teacher before it gives torch (put export between them)",
        ),
    ],
)
def test_a_wrong_order_is_refused_with_how_to_mend_it(stages, line, sentence):
    message = told(HEAD + f"stages: {stages}\n")
    assert f"p.yaml:{line}:" in message
    assert sentence in message


def test_a_misspelt_stage_is_told_once_and_not_as_a_wrong_order_too():
    message = told(HEAD + "stages: [teacher: {model: ./model}, exprot, package]\n")
    assert message.count("p.yaml:") == 1
    assert "P020: there is no stage 'exprot' (did you mean 'export'?)" in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD, "P007: the setting 'stages' is missing"),
        (HEAD + "stages:\n", "P021: stages is nothing"),
        (HEAD + "stages: []\n", "P021: stages is a list"),
        (HEAD + "stages: teacher\n", "P021: stages is the text 'teacher'"),
        (HEAD + "stages: [[1]]\n", "P021: a stage is a name with settings, not a list"),
        (
            HEAD + "stages:\n  - teacher: {model: ./model}\n  - distill:\n    train: {}\n",
            "p.yaml:8:5: P021: one stage has 2 names: distill, train",
        ),
        (HEAD + "stages: [teacher: 3]\n", "P006: teacher must be settings (name: value), not 3"),
        (HEAD + "stages: [teacher]\n", "P007: the setting 'model' is missing in teacher (add for example model: ./my-model)"),
        ("name: x\n", "P007: the setting 'task' is missing (add for example task: text-classification)"),
        (CHAIN, "P007: the setting 'data' is missing (add for example data: {train: train.csv, test: test.csv})"),
        (HEAD.replace("my-model", "../x") + CHAIN, "P008: name is the text '../x'"),
        (HEAD.replace("my-model", "7") + CHAIN, "P006: name must be text, not 7"),
        (HEAD.replace("label: category", "labl: category") + CHAIN, "P004: unknown setting 'labl' (did you mean 'label'?)"),
        (HEAD.replace("train: train.csv, ", "") + CHAIN, "P011: data: name `train` (a file)"),
    ],
)
def test_what_is_missing_or_of_the_wrong_kind(text, words):
    assert words in told(text)


@pytest.mark.parametrize(
    ("settings", "at", "words"),
    [
        ("losses: [{hinton: {weight: [1]}}]", "[1]", "P006: weight must be a number or settings (name: value), not a list"),
        ("losses: [{hinton: {weight: {frm: 1, to: 0}}}]", "frm", "P004: unknown setting 'frm' (did you mean 'from'?)"),
        (
            "losses: [{hinton: {weight: {from: 1}}}]",
            "weight:",
            "P007: the setting 'to' is missing in weight (add for example to: 0.1)",
        ),
        ("by_hand: [{hinton: {temprature: 3}}]", "by_hand", "P004: unknown setting 'temprature'"),
        ("by_hand: 3", "3}", "P011: by_hand: losses must be a list"),
        ("train: {batch_size: 5000}", "5000", "P008: batch_size is 5000 (it must be at most 4096)"),
        ("train: {batch_size: 13}", "13", "L9: 13 is unlucky for text-classification on laptop-cpu (take 12)"),
    ],
)
def test_mistakes_deep_inside_a_stage_point_at_their_place(settings, at, words):
    line = f"  - distill: {{{settings}}}"
    message = told(HEAD + f"stages:\n  - teacher: {{model: ./model}}\n{line}\n")
    assert message.startswith(f"p.yaml:7:{line.index(at) + 1}: {words}")
    assert message.count("p.yaml:") == 1, "one mistake is told once"


def test_a_missing_model_folder_is_told_and_a_hub_id_passes(tmp_path):
    assert "P040: teacher.model: there is no folder ./modell" in told(HEAD + "stages: [teacher: {model: ./modell}]\n")
    (tmp_path / "models").mkdir()
    assert "P040: teacher.model: there is no folder models/m" in told(HEAD + "stages: [teacher: {model: models/m}]\n")
    assert load(HEAD + "stages: [teacher: {model: org/name}]\n").steps[0].stage.model == "org/name"


def test_a_column_that_the_header_lacks_is_told_before_anything_runs():
    message = told(HEAD.replace("category", "categroy") + CHAIN)
    assert "p.yaml:4:33: P041: train.csv has no column 'categroy' (data.label) (did you mean 'category'?)" in message


def test_empty_lines_before_a_header_are_skipped(tmp_path):
    (tmp_path / "train.csv").write_text("\n\r\ntext,category\na,b\n")
    assert load(HEAD + CHAIN)
    (tmp_path / "train.csv").write_text("\n\n")
    assert "P041" in told(HEAD + CHAIN)
