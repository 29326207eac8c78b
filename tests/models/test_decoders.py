"""That a model is a decoder is known from its config.json alone, and what cannot be compared with one is refused by then."""

from __future__ import annotations

import pytest

from compactor.models.decoders import is_decoder
from compactor.stages.distill import Distill
from compactor.tasks import TASKS

TASK = TASKS.load("text-classification")()


@pytest.mark.parametrize(("text", "told"), [('{"model_type": "qwen2"}', True), ('{"model_type": "bert"}', False), ("[", False)])
def test_a_folder_tells_by_its_configuration(tmp_path, text, told):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text(text)
    assert is_decoder("model", (tmp_path,)) is told
    assert not is_decoder("org/model", (tmp_path,))


@pytest.mark.parametrize(("model_type", "codes"), [("llama", ["P244"]), ("distilbert", [])])
def test_attention_is_not_compared_with_a_student_that_is_a_decoder(model_type, codes):
    stage = Distill.model_validate(
        {"student": {"config": {"model_type": model_type}}, "losses": ["hinton", {"minilm_relations": {"heads": 4}}]}
    )
    found = list(stage.problems(task=TASK, target=None))  # type: ignore[arg-type]
    assert [problem.code for _, problem in found] == codes
    assert all(path == ("losses", 1) for path, _ in found)
