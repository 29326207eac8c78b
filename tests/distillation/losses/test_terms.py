"""The list of losses in a profile: read, refused, written back, kept in the key."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from compactor.base.settings import Settings, setting
from compactor.distillation.losses import LossList, LossTerm, label_terms, needs, parse_losses

OWN = '''
"""A loss of a user's own."""
from compactor.distillation.losses import Batch, Loss


class Cosine(Loss):
    """One minus the cosine of the logits."""

    needs = frozenset({"logits"})
    power: float = 1.0

    def __call__(self, batch: Batch):
        from torch.nn import functional as F

        return (1 - F.cosine_similarity(batch.student.logits, batch.teacher.logits)).sum(), len(batch.labels)
'''


class Holder(Settings):
    losses: LossList = setting(doc="the losses")


def problems(losses: object) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(ValidationError) as raised:
        Holder.model_validate({"losses": losses})
    return [(entry["loc"], entry["msg"]) for entry in raised.value.errors()]


def test_a_list_as_it_stands_in_a_profile() -> None:
    terms = parse_losses([{"hinton": {"temperature": 4, "weight": {"from": 0.9, "to": 0.5}}}, "cross_entropy"])
    assert [term.name for term in terms] == ["hinton", "cross_entropy"]
    assert terms[1].weight == 1.0
    assert needs(terms) == {"logits", "labels"}


def test_it_is_written_back_as_it_was_read() -> None:
    given = [{"hinton": {"temperature": 4.0, "weight": {"from": 0.9, "to": 0.5}}}, {"cross_entropy": {"weight": 0.1}}]
    holder = Holder.model_validate({"losses": given})
    assert (
        holder.model_dump(exclude_unset=True, by_alias=True)["losses"] == tuple(given)
        or list(holder.model_dump(exclude_unset=True, by_alias=True)["losses"]) == given
    )
    assert Holder.model_validate(holder.model_dump(mode="json")) == holder


def test_all_problems_of_a_term_at_once_with_their_place() -> None:
    found = problems([{"hinton": {"temprature": 4, "weight": -1}}, {"hintn": {}}, {"hinton": {"temperature": 0}}])
    assert (("losses", 0, "hinton", "temprature"), "unknown setting 'temprature' (did you mean temperature?)") in found
    assert any(loc[:4] == ("losses", 0, "hinton", "weight") for loc, _ in found)
    assert any(loc[:2] == ("losses", 1) and "there is no loss 'hintn' (did you mean hinton?)" in text for loc, text in found)
    assert (("losses", 2, "hinton", "temperature"), "the temperature must be more than 0") in found


@pytest.mark.parametrize("losses", [[], [{"hinton": {}, "cross_entropy": {}}], [3], [{"hinton": 4}]])
def test_other_shapes_are_refused(losses: object) -> None:
    assert problems(losses)


def test_a_users_own_file_is_found_beside_the_profile_and_its_hash_joins_the_key(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    path = tmp_path / "mine" / "cosine.py"
    path.write_text(OWN)
    (term,) = parse_losses([{"./mine/cosine.py": {"power": 2, "weight": 0.5}}], (tmp_path,))
    before = term.key()
    assert before["options"] == {"power": 2.0}
    path.write_text(OWN + "\n# changed\n")
    assert parse_losses([{"./mine/cosine.py": {"power": 2, "weight": 0.5}}], (tmp_path,))[0].key() != before


def test_a_users_own_file_may_lie_below_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "cosine.py").write_text(OWN)
    (term,) = parse_losses([{"~/cosine.py": {"power": 2}}], (Path("/elsewhere"),))
    assert term.source_hash


def test_a_users_file_that_cannot_be_imported_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import nothing_like_this\n")
    with pytest.raises(ValidationError, match=r"broken.py cannot be imported: ModuleNotFoundError"):
        parse_losses(["broken.py"], (tmp_path,))
    with pytest.raises(ValidationError, match="there is no file"):
        parse_losses(["absent.py"], (tmp_path,))


def test_terms_of_one_kind_get_names_of_their_own() -> None:
    terms = parse_losses([{"hidden_states": {"layers": "last"}}, "hidden_states", "cross_entropy"])
    assert list(label_terms(terms)) == ["hidden_states", "hidden_states-2", "cross_entropy"]


def test_every_option_enters_the_key() -> None:
    def key(text: dict[str, object]) -> dict[str, object]:
        return parse_losses([{"hinton": text}])[0].key()

    assert key({"temperature": 2}) == key({"temperature": 2.0, "weight": 1})
    assert key({"temperature": 2}) != key({"temperature": 3})
    assert key({"weight": {"from": 1, "to": 0}}) != key({"weight": {"from": 1, "to": 0, "shape": "cosine"}})


def test_terms_have_a_schema_for_editors() -> None:
    schema = Holder.model_json_schema()
    assert "temperature" in str(schema)
    assert isinstance(LossTerm.model_json_schema(), dict)
