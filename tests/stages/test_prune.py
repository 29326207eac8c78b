"""The prune stage: what comes out is smaller, reloads, and answers as well as before; what cannot be is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from compactor.base.errors import StageError
from compactor.stages.prune import Prune
from tests.pruning import tiny
from tests.stages import works


def test_nothing_to_prune_is_a_mistake_of_the_profile():
    (found,) = Prune().problems(task=None, target=None)  # type: ignore[arg-type]
    assert found[1].code == "P170"
    assert "no part is named" in found[1].sentence


def test_a_whole_number_that_must_be_a_share_is_a_mistake():
    (found,) = Prune(intermediate=1).problems(task=None, target=None)  # type: ignore[arg-type]
    assert found[0] == ("intermediate",)
    assert not list(Prune(intermediate=0.5).problems(task=None, target=None))  # type: ignore[arg-type]
    for wrong in (1.0, 0, -0.5, "half"):
        with pytest.raises(ValidationError):
            Prune(intermediate=wrong)


def test_settings_are_read_as_a_profile_writes_them():
    stage = Prune.model_validate(
        {
            "layers": [0, 2],
            "vocabulary": {"keep": 6000},
            "recover": {"epochs": 3, "losses": [{"hinton": {"temperature": 4}}], "checkpoint_seconds": 5},
        }
    )
    assert stage.layers == (0, 2)
    assert stage.recover is not None
    assert stage.recover.losses[0].name == "hinton"
    # how often a checkpoint is written cannot change the result
    assert "checkpoint_seconds" not in stage.key()["recover"]
    assert [term.name for term in Prune.model_validate({"recover": {}}).recover.losses] == ["hinton", "cross_entropy"]  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Any:
    """Make a tiny teacher that is right without training; return (root, data, its artifact)."""
    from compactor.models import save
    from compactor.models.wordpiece import train_wordpiece

    root = tmp_path_factory.mktemp("prune")
    data = works.open_small(root)
    folder = root / "teacher"
    folder.mkdir()
    tokenizer = train_wordpiece(iter(data.train.texts()), 160, folder, 24)
    model = tiny.model("bert", pieces=160)
    teach(model, tokenizer, data)
    save(model, folder, folder, labels=data.labels)
    return root, data, works.artifact(folder)


def teach(model: Any, tokenizer: Any, data: Any) -> None:
    """Make the words that tell a label loud, and read the label off the random encoder by least squares."""
    import torch

    for number, label in enumerate(data.labels):
        direction = torch.randn(32, generator=torch.Generator().manual_seed(number))
        for word in works.WORDS[label]:
            with torch.no_grad():
                model.get_input_embeddings().weight[tokenizer.encode(word, add_special_tokens=False).ids] = 4.0 * direction
    tokenizer.enable_padding()
    encodings = tokenizer.encode_batch(data.train.texts())
    ids, mask = (torch.tensor([getattr(e, name) for e in encodings]) for name in ("ids", "attention_mask"))
    with torch.no_grad():
        features = model.bert(input_ids=ids, attention_mask=mask).pooler_output.numpy()
        design = np.column_stack([features, np.ones(len(features))])
        solution = np.linalg.lstsq(design, 8.0 * np.eye(3)[data.train.labels], rcond=None)[0]
        model.classifier.weight.copy_(torch.from_numpy(solution[:-1].T))
        model.classifier.bias.copy_(torch.from_numpy(solution[-1]))


def prune(place: Any, settings: dict[str, Any], name: str) -> Any:
    """Run the stage; return (its work, the model that was written)."""
    from compactor.stages._inputs import load_model

    root, data, teacher = place
    work = works.make_work(root, name, data, teacher=teacher)
    Prune.model_validate(settings).run(teacher, work)
    return work, load_model(work, work.folder)


@pytest.mark.model
def test_everything_at_once_is_smaller_and_recovers(place):
    settings = {"layers": 2, "intermediate": 0.5, "heads": 0.5, "vocabulary": {"keep": 130}}
    work, model = prune(place, settings | {"recover": {"epochs": 4, "learning_rate": 1e-3, "batch_size": 16}}, "all")
    facts = work.facts
    real = sum(parameter.numel() for parameter in model.parameters())
    assert (facts["parameters"]["total"], facts["predicted_parameters"]) == (real, real)
    assert facts["parameters"]["total"] < 0.7 * facts["parameters_before"]["total"]
    assert facts["layers"] == {"before": 3, "kept": [0, 2]}
    assert facts["layer_widths"] == [{"intermediate": 32, "heads": 2}] * 2
    assert facts["vocabulary"]["after"] == 130
    assert list(facts["validation_steps"]) == ["before", "layers", "cut", "refit", "vocabulary", "recovered"]
    scores = facts["validation_steps"]
    assert scores["cut"] < scores["refit"] < scores["recovered"]
    assert facts["validation"]["value"] == facts["validation_steps"]["recovered"]
    json.dumps(facts, allow_nan=False)
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"} <= {
        path.name for path in work.folder.iterdir()
    }


@pytest.mark.model
def test_the_vocabulary_alone_changes_no_answer_to_texts_whose_pieces_all_stay(place):
    from compactor.stages._inputs import encoded, load_model

    work, model = prune(place, {"vocabulary": {"characters": "all"}}, "vocabulary")
    source = place[2].folder
    cost = work.facts["vocabulary"]["validation"]
    assert cost["unknown_after"] == cost["unknown_before"]
    before = load_model(work, source)
    batches = [encoded(work, folder, "train").batch(np.arange(40)) for folder in (source, work.folder)]
    from compactor.pruning.activations import run_model

    assert np.array_equal(run_model(before, batches[0]).numpy(), run_model(model, batches[1]).numpy())
    assert work.facts["parameters"]["embeddings"] < work.facts["parameters_before"]["embeddings"]
    assert work.facts["parameters"]["encoder"] == work.facts["parameters_before"]["encoder"]


@pytest.mark.model
def test_a_vocabulary_larger_than_the_tokenizer_keeps_it_whole_and_says_so(place):
    work, model = prune(place, {"vocabulary": 5000}, "all-pieces")
    facts = work.facts["vocabulary"]
    assert facts["after"] == facts["before"] == model.config.vocab_size
    assert [finding.severity for finding in work.reporter.findings if finding.code == "K909"] == ["note"]


@pytest.mark.model
@pytest.mark.parametrize("vocabulary", [{}, {"vocabulary": 130}])
def test_positions_go_with_the_tokenizers_length_and_texts_that_are_longer_are_told(place, vocabulary):
    from compactor.models.tokenizer import max_length

    work, model = prune(place, {"positions": 6, **vocabulary}, f"positions{len(vocabulary)}")
    assert model.config.max_position_embeddings == max_length(work.folder) == 6
    assert work.facts["positions"]["before"] > work.facts["positions"]["after"] == 6
    assert work.facts["positions"]["texts_cut"] > 0
    assert [finding.severity for finding in work.reporter.findings if finding.code == "K910"] == ["warning"]


@pytest.mark.model
def test_a_share_that_is_all_of_a_few_heads_leaves_them_and_it_is_told(place):
    work, model = prune(place, {"intermediate": 0.5, "heads": 0.95}, "few-heads")
    widths = work.facts["layer_widths"]
    assert {each["heads"] for each in widths} == {model.config.num_attention_heads}
    assert [finding.severity for finding in work.reporter.findings if finding.code == "K912"] == ["note"]


@pytest.mark.model
def test_a_deep_cut_and_dropped_pieces_are_told(place):
    work, _ = prune(place, {"intermediate": 16, "vocabulary": {"keep": 80, "characters": "used"}}, "deep")
    codes = {finding.code for finding in work.reporter.findings}
    assert {"K901", "K902", "K904"} <= codes
    (deep,) = (finding for finding in work.reporter.findings if finding.code == "K901")
    assert "25% of the neurons" in deep.sentence


@pytest.mark.model
def test_what_is_hinted_at_where_many_layers_go_is_no_mistake_of_the_profile(place):
    work, _ = prune(place, {"layers": 1}, "deep-layers")
    (deep,) = (finding for finding in work.reporter.findings if finding.code == "K901")
    assert "33% of the layers" in deep.sentence
    assert "steps:" not in deep.hint, "steps cut widths alone (P174)"


@pytest.mark.model
def test_the_same_run_gives_the_same_bytes(place):
    settings = {"intermediate": [48, 32, 16], "recover": {"epochs": 1}}
    files = []
    for name in ("once", "twice"):
        work, _ = prune(place, settings, name)
        files.append(works.artifact(work.folder).content)
    assert files[0] == files[1]


@pytest.mark.model
def test_killed_in_recovery_it_ends_with_the_same_bytes(place):
    settings = {"intermediate": 0.5, "vocabulary": 130, "recover": {"epochs": 2, "checkpoint_seconds": 1e-6}}
    whole, _ = prune(place, settings, "whole")

    class KilledError(Exception):
        """Stands for the end of the process."""

    class Killer(works.Listener):
        def event(self, kind: str, **fields: Any) -> None:
            if kind == "checkpoint" and fields["step"] >= 7:
                raise KilledError

    root, data, teacher = place
    work = works.make_work(root, "killed", data, teacher=teacher, reporter=Killer())
    with pytest.raises(KilledError):
        Prune.model_validate(settings).run(teacher, work)
    again = works.make_work(root, "resumed", data, teacher=teacher)
    again.checkpoints = work.checkpoints
    Prune.model_validate(settings).run(teacher, again)
    assert again.facts["training"]["resumed_from_step"] >= 7
    assert works.artifact(again.folder).content == works.artifact(whole.folder).content


@pytest.mark.model
@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"layers": 3}, "prune.layers is 3, but the model has 3 layers"),
        ({"intermediate": 65}, "keeps 65 in layer 0, which has 64"),
        ({"heads": [4, 4]}, "names 2 widths, but the model has 3 layers"),
        ({"intermediate": 8, "scope": "global", "floor": 0.5}, "keeps 8 in each layer, and floor 0.5 leaves 32 in every one"),
        ({"heads": 1, "scope": "global", "floor": 0.3}, "keeps 1 in each layer, and floor 0.3 leaves 2 in every one"),
        ({"vocabulary": 10}, "special tokens and single characters alone are"),
        (
            {"vocabulary": 130, "recover": {"losses": [{"hidden_states": {}}]}},
            "looks inside the teacher, whose vocabulary is not the pruned one",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(place, settings, sentence, request):
    with pytest.raises(StageError, match=sentence):
        prune(place, settings, f"refused-{request.node.callspec.indices['settings']}")


@pytest.mark.model
def test_channels_are_chosen_by_rows_of_all_lengths(place, monkeypatch):
    """One pass holds some of the rows: those must not be the shortest."""
    from compactor.pruning import stream_scores
    from compactor.stages._inputs import encoded

    seen = []
    capture = stream_scores.capture
    monkeypatch.setattr(stream_scores, "MOST_PIECES", 300)
    monkeypatch.setattr(stream_scores, "capture", lambda model, maps, batch: seen.append(batch) or capture(model, maps, batch))
    work, _ = prune(place, {"hidden": 24, "refit": False}, "lengths")
    (looked_at,) = (batch["attention_mask"].sum(axis=1) for batch in seen)
    lengths = encoded(work, place[2].folder).lengths
    assert len(looked_at) < len(lengths) / 2
    assert looked_at.max() > np.median(lengths)
    assert abs(looked_at.mean() - lengths.mean()) < 1
