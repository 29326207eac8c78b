"""Sentence encoders: the vector is the formula's, folders are those of sentence-transformers, nothing is lost on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compactor.base.errors import StageError
from compactor.models.families import describe
from compactor.models.loading import from_config, load, load_checkpoint
from compactor.models.saving import save
from compactor.tasks import TASKS
from tests.bundle.tiny import write_tokenizer

pytestmark = pytest.mark.model
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
TASK = TASKS.load("sentence-similarity")()
WIDTH = 16


def write_encoder(folder: Path, seed: int = 0) -> Path:
    """Write a plain BERT encoder with its tokenizer, as a hub folder has them."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = write_tokenizer(folder)
    torch.manual_seed(seed)
    config = transformers.BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=24,
        initializer_range=0.3,
    )
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def batch(seed: int = 0) -> dict[str, Any]:
    ids = torch.randint(5, 60, (3, 9), generator=torch.Generator().manual_seed(seed))
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    mask[2, 2:] = 0
    return {"input_ids": ids, "attention_mask": mask}


def modules(folder: Path, *kinds: tuple[str, str, dict[str, Any]]) -> None:
    """Write modules.json as sentence-transformers does."""
    listed = [("", "Transformer", {}), *kinds]
    told = [
        {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for n, (path, kind, _) in enumerate(listed)
    ]
    (folder / "modules.json").write_text(json.dumps(told), encoding="utf-8")
    for path, _, config in kinds:
        (folder / path).mkdir(exist_ok=True)
        (folder / path / "config.json").write_text(json.dumps(config), encoding="utf-8")


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_the_vector_is_the_pooled_states_at_length_one(tmp_path: Path, pooling: str) -> None:
    folder, given = write_encoder(tmp_path / "m"), batch()
    if pooling == "cls":
        modules(folder, ("1_Pooling", "Pooling", {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}))
    plain = transformers.BertModel.from_pretrained(folder).eval()
    with torch.no_grad():
        states = plain(**given).last_hidden_state.numpy()
        found = load(folder, TASK)(**given).embedding.numpy()
    mask = given["attention_mask"].numpy()
    for row in range(3):
        expected = states[row, 0] if pooling == "cls" else states[row][mask[row] == 1].mean(axis=0)
        np.testing.assert_allclose(found[row], expected / np.linalg.norm(expected), atol=1e-5)


@pytest.mark.parametrize("width", [WIDTH, 8])
def test_a_model_comes_back_bit_for_bit_and_keeps_the_teachers_dimension(tmp_path: Path, width: int) -> None:
    folder, given = write_encoder(tmp_path / "m"), batch()
    teacher = load(folder, TASK)
    config = teacher.config.__class__(**{**teacher.config.to_dict(), "hidden_size": width, "num_hidden_layers": 1})
    student = from_config(config, TASK).eval()
    (tmp_path / "s").mkdir()
    save(student, folder, tmp_path / "s", labels=())
    again = load(tmp_path / "s", TASK, labels=())
    with torch.no_grad():
        first, second = student(**given).embedding, again(**given).embedding
    assert torch.equal(first, second)
    assert first.shape == (3, WIDTH)
    assert (student.projection is None) == (width == WIDTH)
    assert describe(again).hidden == width
    assert not load_checkpoint(tmp_path / "s", TASK, labels=()).findings
    # The body is what transformers reads by itself.
    assert transformers.AutoModel.from_pretrained(tmp_path / "s").config.hidden_size == width


def test_sentence_transformers_gives_the_same_vectors(tmp_path: Path) -> None:
    library = pytest.importorskip("sentence_transformers")
    folder = write_encoder(tmp_path / "m")
    config = load(folder, TASK).config
    student = from_config(config.__class__(**{**config.to_dict(), "hidden_size": 8}), TASK).eval()
    (tmp_path / "s").mkdir()
    save(student, folder, tmp_path / "s", labels=())
    texts = ["my money back", "the quick brown fox", "late"]
    theirs = library.SentenceTransformer(str(tmp_path / "s"), device="cpu").encode(texts)
    tokens = transformers.AutoTokenizer.from_pretrained(tmp_path / "s")(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        ours = student(**{name: tokens[name] for name in ("input_ids", "attention_mask")}).embedding.numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ((("1_Pooling", "Pooling", {"pooling_mode_max_tokens": True}),), "pooling_mode_max_tokens"),
        ((("2_LSTM", "LSTM", {}),), "a module LSTM"),
        ((("2_Dense", "Dense", {"out_features": 4, "bias": True}),), "a bias or an activation"),
    ],
)
def test_what_is_not_known_is_refused(tmp_path: Path, kinds: Any, said: str) -> None:
    folder = write_encoder(tmp_path / "m")
    modules(folder, *kinds)
    with pytest.raises(StageError, match=f"L180.*{said}"):
        load(folder, TASK)


def test_a_narrow_student_begins_in_the_teachers_space(tmp_path: Path) -> None:
    """With as many directions as the teacher has, projecting loses nothing but what post-norm layers do."""
    from compactor.models.students import TransformerStudent, build_student

    teacher = load(write_encoder(tmp_path / "m"), TASK)
    given = {name: value.numpy() for name, value in batch().items()}
    given["token_type_ids"] = np.zeros_like(given["input_ids"])
    batches = [given]
    settings = TransformerStudent(layers=2, hidden=8, heads=2, init="pca")
    student, _ = build_student(teacher, settings, task=TASK, batches=batches, seed=0)
    assert student.projection.weight.shape == (WIDTH, 8)
    gram = student.projection.weight.T @ student.projection.weight
    torch.testing.assert_close(gram, torch.eye(8), atol=1e-4, rtol=0)


def test_a_student_of_another_architecture_answers_in_the_teachers_space(tmp_path: Path) -> None:
    from compactor.models.students import TransformerStudent, build_student

    teacher = load(write_encoder(tmp_path / "teacher"), TASK)
    shape = {"model_type": "distilbert", "dim": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 16}
    student, _ = build_student(teacher, TransformerStudent(config=shape), task=TASK)
    assert student(**batch()).embedding.shape == teacher(**batch()).embedding.shape


def test_a_checkpoint_of_another_width_is_mapped_into_the_space_that_is_asked_for(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "narrow")
    model = load(folder, TASK)
    own = model(**batch()).embedding
    model.answer_in(WIDTH)
    assert torch.equal(model(**batch()).embedding, own), "it has that dimension already"
    model.answer_in(24)
    assert model(**batch()).embedding.shape == (3, 24)
    (tmp_path / "saved").mkdir()
    save(model, folder, tmp_path / "saved", labels=())
    again = load(tmp_path / "saved", TASK, labels=())
    assert torch.equal(again(**batch()).embedding, model(**batch()).embedding)


def test_vectors_of_unequal_dimensions_are_told_before_a_step(tmp_path: Path) -> None:
    from compactor.distillation.losses import parse_losses
    from compactor.distillation.objective import Objective, TeacherSignal

    student = load(write_encoder(tmp_path / "narrow"), TASK)
    with pytest.raises(StageError, match="the student answers with 16 numbers, the teacher with 24"):
        Objective(parse_losses(["cosine"]), TeacherSignal(np.zeros((4, 24), dtype=np.float32)), student)


def test_a_student_with_a_factorized_piece_table_comes_back(tmp_path: Path) -> None:
    from compactor.models.students import TransformerStudent, build_student

    folder = write_encoder(tmp_path / "m")
    student, facts = build_student(load(folder, TASK), TransformerStudent(layers=1, embedding=8), task=TASK)
    assert facts["embedding"]["width"] == 8
    (tmp_path / "saved").mkdir()
    save(student, folder, tmp_path / "saved", labels=())
    again = load(tmp_path / "saved", TASK, labels=())
    assert again.get_input_embeddings().weight.shape[1] == 8
    assert torch.equal(again(**batch()).embedding, student(**batch()).embedding)


@pytest.mark.parametrize("widths", [(8,), (WIDTH,), (24, WIDTH), (24, 8)])
def test_every_linear_map_after_pooling_counts_also_one_as_wide_as_the_states(tmp_path: Path, widths: tuple[int, ...]) -> None:
    from safetensors.torch import save_file

    from compactor.models.students import TransformerStudent, build_student

    folder = write_encoder(tmp_path / "m")
    plain, weights, kinds, width = load(folder, TASK), [], [("1_Pooling", "Pooling", {"pooling_mode_mean_tokens": True})], WIDTH
    for number, out in enumerate(widths):
        kinds.append((f"{number + 2}_Dense", "Dense", {"in_features": width, "out_features": out, "bias": False}))
        weights.append(torch.randn(out, width, generator=torch.Generator().manual_seed(number)))
        width = out
    modules(folder, *kinds)
    for (path, _, _), weight in zip(kinds[1:], weights, strict=True):
        save_file({"linear.weight": weight}, folder / path / "model.safetensors")
    model, expected = load(folder, TASK), plain(**batch()).embedding
    for weight in weights:
        expected = expected @ weight.T
    torch.testing.assert_close(model(**batch()).embedding, torch.nn.functional.normalize(expected, dim=-1))
    (tmp_path / "saved").mkdir()
    save(model, folder, tmp_path / "saved", labels=())
    assert torch.equal(load(tmp_path / "saved", TASK, labels=())(**batch()).embedding, model(**batch()).embedding)
    given = {name: value.numpy() for name, value in batch().items()}
    given["token_type_ids"] = np.zeros_like(given["input_ids"])
    student, _ = build_student(model, TransformerStudent(layers=1, init="pca"), task=TASK, batches=[given])
    assert student(**batch()).embedding.shape == (3, widths[-1])
