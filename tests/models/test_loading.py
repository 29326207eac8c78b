"""Model folders: read exactly, labels in the data's order, everything else a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compactor.base.errors import MissingError, StageError
from compactor.tasks import TASKS
from tests.models.folders import LABELS, answers, write_model

pytestmark = pytest.mark.model
TASK = TASKS.load("text-classification")()
KINDS = ["bert", "distilbert", "roberta", "electra"]


def load(folder: Path, **options: Any) -> Any:
    from compactor.models import load_checkpoint

    return load_checkpoint(folder, TASK, **options)


def code(folder: Path, **options: Any) -> str:
    with pytest.raises((StageError, MissingError)) as raised:
        load(folder, **options)
    assert raised.value.problem.hint
    assert "\n" not in raised.value.problem.sentence
    return raised.value.problem.code


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_saved_and_read_back_bit_for_bit(tmp_path: Path, kind: str) -> None:
    import torch

    from compactor import models

    model = write_model(tmp_path / "given", kind=kind)
    loaded = load(tmp_path / "given", labels=LABELS)
    assert loaded.findings == ()
    assert not loaded.model.training
    assert loaded.model.config._attn_implementation == "eager"
    assert torch.equal(answers(loaded.model), answers(model))
    (tmp_path / "saved").mkdir()
    models.save(loaded.model, tmp_path / "given", tmp_path / "saved", labels=LABELS, max_length=16)
    again = models.load(tmp_path / "saved", TASK)
    assert torch.equal(answers(again), answers(model))
    names = {path.name for path in (tmp_path / "saved").iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"}
    assert str(tmp_path) not in (tmp_path / "saved" / "config.json").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_widths_that_differ_between_layers_are_read_back(tmp_path: Path, kind: str) -> None:
    import torch

    from compactor import models
    from compactor.models.widths import layer_widths, reshape

    model = write_model(tmp_path / "given", kind=kind)
    widths = [{"intermediate": 8, "heads": 1}, {"intermediate": 20, "heads": 2}]
    reshape(model, widths)
    with torch.no_grad():
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    (tmp_path / "saved").mkdir()
    models.save(model, tmp_path / "given", tmp_path / "saved", labels=LABELS)
    again = models.load(tmp_path / "saved", TASK)
    assert layer_widths(again) == widths
    assert torch.equal(answers(again), answers(model.eval()))
    assert json.loads((tmp_path / "saved" / "config.json").read_text())["layer_widths"] == widths


def test_equal_narrower_layers_need_no_widths_of_their_own(tmp_path: Path) -> None:
    import torch

    from compactor import models
    from compactor.models.widths import reshape

    model = write_model(tmp_path / "given")
    reshape(model, [{"intermediate": 12, "heads": 2}] * 2)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    (tmp_path / "saved").mkdir()
    models.save(model, tmp_path / "given", tmp_path / "saved", labels=LABELS)
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert config["intermediate_size"] == 12
    assert "layer_widths" not in config


def test_the_heads_rows_are_put_into_the_datas_order(tmp_path: Path) -> None:
    import torch

    model = write_model(tmp_path, labels=("refund", "card", "transfer"))
    loaded = load(tmp_path, labels=("card", "refund", "transfer"))
    assert torch.equal(answers(loaded.model), answers(model)[:, [1, 0, 2]])
    assert loaded.model.config.id2label == {0: "card", 1: "refund", 2: "transfer"}
    assert loaded.findings == ()


def test_labels_are_matched_without_case_and_by_number_and_this_is_told(tmp_path: Path) -> None:
    import torch

    model = write_model(tmp_path / "words", labels=("Card_Lost", "REFUND", "Top up"))
    loaded = load(tmp_path / "words", labels=("card lost", "refund", "top-up"))
    assert [finding.code for finding in loaded.findings] == ["L109"]
    write_model(tmp_path / "numbers", labels=("LABEL_0", "LABEL_1", "LABEL_2"))
    loaded = load(tmp_path / "numbers", labels=("2", "0", "1"))
    assert torch.equal(answers(loaded.model), answers(model)[:, [2, 0, 1]])
    assert loaded.findings == ()
    write_model(tmp_path / "names", labels=("NEGATIVE", "NEUTRAL", "POSITIVE"))
    (finding,) = load(tmp_path / "names", labels=("0", "1", "2")).findings
    assert "NEGATIVE is 0" in finding.sentence


@pytest.mark.parametrize("labels", [("a", "b", "d"), ("a", "b"), ("a", "b", "c", "d"), ("x", "y", "z")])
def test_labels_that_do_not_match_are_told_with_both_lists(tmp_path: Path, labels: tuple[str, ...]) -> None:
    write_model(tmp_path)
    with pytest.raises(StageError, match=r"3: a, b, c\) are not those of the data") as raised:
        load(tmp_path, labels=labels)
    assert raised.value.problem.code == "L106"


def test_generic_labels_say_nothing_about_the_order_of_names(tmp_path: Path) -> None:
    write_model(tmp_path, labels=("LABEL_0", "LABEL_1", "LABEL_2"))
    assert code(tmp_path, labels=("card", "refund", "transfer")) == "L106"


def test_a_half_precision_checkpoint_runs_in_float32(tmp_path: Path) -> None:
    import torch

    model = write_model(tmp_path)
    model.half().save_pretrained(tmp_path)
    loaded = load(tmp_path, labels=LABELS).model
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    assert torch.allclose(answers(loaded), answers(model.float()))


def test_a_base_model_gets_a_head_only_for_fine_tuning(tmp_path: Path) -> None:
    import torch

    write_model(tmp_path).bert.save_pretrained(tmp_path)
    assert code(tmp_path, labels=LABELS) == "L105"
    torch.manual_seed(3)
    first = load(tmp_path, labels=("x", "y"), fresh_head=True).model
    torch.manual_seed(3)
    second = load(tmp_path, labels=("x", "y"), fresh_head=True).model
    assert first.config.id2label == {0: "x", 1: "y"}
    assert torch.equal(first.classifier.weight, second.classifier.weight)
    assert first.classifier.out_features == 2


def test_another_head_is_replaced_for_fine_tuning_and_a_fitting_one_is_kept(tmp_path: Path) -> None:
    import torch

    model = write_model(tmp_path)
    other = load(tmp_path, labels=("p", "q", "r"), fresh_head=True).model
    assert other.config.id2label == {0: "p", 1: "q", 2: "r"}
    assert load(tmp_path, labels=("p", "q"), fresh_head=True).model.classifier.out_features == 2
    kept = load(tmp_path, labels=("b", "a", "c"), fresh_head=True).model
    assert torch.equal(answers(kept), answers(model)[:, [1, 0, 2]])
    assert torch.equal(other.bert.embeddings.word_embeddings.weight, model.bert.embeddings.word_embeddings.weight)


def test_another_head_is_replaced_in_a_model_of_uneven_layers_too(tmp_path: Path) -> None:
    import numpy as np
    import torch

    from compactor.models.saving import save
    from compactor.pruning.narrow import narrow

    model = write_model(tmp_path / "even")
    narrow(model, {"intermediate": [np.arange(8 + number) for number in range(model.config.num_hidden_layers)]})
    (tmp_path / "uneven").mkdir()
    save(model, tmp_path / "even", tmp_path / "uneven", labels=LABELS)
    other = load(tmp_path / "uneven", labels=("p", "q"), fresh_head=True).model
    assert (other.classifier.out_features, other.config.id2label) == (2, {0: "p", 1: "q"})
    assert torch.equal(other.bert.pooler.dense.weight, model.bert.pooler.dense.weight)
    assert code(tmp_path / "uneven", labels=("p", "q")) == "L106"


def test_weights_as_pickle_only_are_refused(tmp_path: Path) -> None:
    write_model(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    assert code(tmp_path, labels=LABELS) == "L102"


def test_broken_folders_are_told(tmp_path: Path) -> None:
    assert code(tmp_path) == "L101"
    write_model(tmp_path / "torn")
    weights = tmp_path / "torn" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    assert code(tmp_path / "torn", labels=LABELS) == "L103"
    weights.unlink()
    assert code(tmp_path / "torn", labels=LABELS) == "L103"
    write_model(tmp_path / "config")
    (tmp_path / "config" / "config.json").write_text("{not json")
    assert code(tmp_path / "config") == "L103"


def test_an_encoder_with_missing_weights_is_not_filled_with_noise(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    write_model(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["bert.encoder.layer.1.output.dense.weight"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert code(tmp_path, labels=LABELS) == "L104"
    assert code(tmp_path, labels=LABELS, fresh_head=True) == "L104"


def test_nothing_is_printed_and_nothing_asked(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_model(tmp_path).bert.save_pretrained(tmp_path)
    capfd.readouterr()
    load(tmp_path, labels=LABELS, fresh_head=True)
    assert capfd.readouterr() == ("", "")
