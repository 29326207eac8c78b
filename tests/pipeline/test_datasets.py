"""A dataset stands beside the chain: the next stage starts from the model before it, later stages that train are handed it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from compactor.base.errors import ProfileError
from compactor.base.settings import setting
from compactor.pipeline.chain import make_chain
from compactor.pipeline.execute import Session
from compactor.pipeline.plan import make_plan
from compactor.pipeline.profile import load_profile
from compactor.stages import Stage
from tests.pipeline.conftest import Append, Recorder, Write, profile

DATA = {"content": "d", "settings": {}}


class Grow(Stage):
    """Makes rows."""

    takes: ClassVar[frozenset[str]] = frozenset({"torch"})
    gives: ClassVar[str] = "dataset"
    uses_teacher: ClassVar[bool] = True
    uses_unlabelled: ClassVar[bool] = True
    text: str = setting("more", "what to write")

    def run(self, source, work):
        assert source is None
        assert work.teacher is not None
        (work.folder / "rows.txt").write_text(self.text)


class Train(Append):
    """Notes what it was given."""

    extra: bool = setting(True, "train on the rows")

    @property
    def uses_extra(self):
        return self.extra

    def run(self, source, work):
        extra = (work.extra.folder / "rows.txt").read_text() if work.extra else "nothing"
        (work.folder / "text.txt").write_text(f"{(source.folder / 'text.txt').read_text()}+{self.text}({extra})")


def chain(*stages, unlabelled=None):
    given = profile("a")
    names = ["teacher", *(type(stage).__name__.lower() for stage in stages)]
    given.steps = [
        SimpleNamespace(label=f"s{number}", name=name, stage=stage, source_hash="")
        for number, (name, stage) in enumerate(zip(names, [Write(text="a"), *stages], strict=True))
    ]
    given.data = SimpleNamespace(unlabelled=unlabelled)
    return given


@pytest.fixture
def made(store, tmp_path, monkeypatch):
    """Run a chain without measuring; return what the last stage wrote, the plan and the session."""

    def made(given, until=""):
        monkeypatch.setattr("compactor.pipeline.chain._row", lambda session, done, rows: SimpleNamespace(done=done))
        monkeypatch.setattr("compactor.pipeline.chain._tell", lambda session, rows: None)
        session = Session(given, store, Recorder(), threads=1, online=False)
        plan = make_plan(given, store, DATA)
        rows = make_chain(session, plan, tmp_path / "run", until)
        text = None if rows is None else (rows[-1].done.artifact.folder / "text.txt").read_text()
        return SimpleNamespace(text=text, rows=rows, plan=plan, session=session)

    return made


def test_the_stage_after_starts_from_the_model_before_and_is_handed_the_rows(made):
    run = made(chain(Grow(), Train(text="b"), Append(text="c"), Train(text="d")))
    assert run.text == "a+b(more)c+d(more)"
    assert [done.step.name for done in run.session.datasets] == ["grow"]
    assert len(run.rows) == 4, "a dataset is no row of the trade-off"


def test_a_stage_that_leaves_the_rows_out_does_not_depend_on_them(made, store):
    first = made(chain(Grow(), Train(text="b", extra=False)))
    assert first.text == "a+b(nothing)"
    second = make_plan(chain(Grow(text="other"), Train(text="b", extra=False)), store, DATA)
    assert [step.state for step in second.steps] == ["in store", "to do", "in store"]


def test_other_rows_make_what_was_trained_on_them_anew_and_say_why(made, store):
    first = made(chain(Grow(), Train(text="b")))
    again = make_plan(chain(Grow(text="other"), Train(text="b")), store, DATA, first.plan.as_dict())
    assert [step.state for step in again.steps] == ["in store", "to do", "to do"]
    assert again.steps[2].why == "the rows of the augment stage changed"
    assert made(chain(Grow(text="other"), Train(text="b"))).text == "a+b(other)"


def test_a_chain_without_rows_keeps_its_keys(store):
    without = make_plan(chain(Train(text="b", extra=False), Append(text="c")), store, DATA)
    assert all(not step.sources.keys() & {"extra"} for step in without.steps)
    with_rows = make_plan(chain(Grow(), Train(text="b", extra=False), Append(text="c")), store, DATA)
    assert [step.key for step in with_rows.steps if step.kind != "dataset"] == [step.key for step in without.steps]


def test_a_run_can_stop_at_the_rows(made):
    run = made(chain(Grow(), Train(text="b")), until="grow")
    assert run.rows is None
    assert Write.runs == ["a"]


def test_texts_without_labels_belong_to_the_stage_that_takes_them_alone(store, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("compactor.data.fingerprint_unlabelled", lambda data, near: seen.append(near) or data.unlabelled)
    one, other = (make_plan(chain(Grow(), Train(text="b"), unlabelled=name), store, DATA) for name in ("x.csv", "y.csv"))
    assert [a.key == b.key for a, b in zip(one.steps, other.steps, strict=True)] == [True, False, False]
    assert len(seen) == 2


HEAD = "name: p\ntask: text-classification\ntarget: laptop-cpu\n"


def told(tmp_path, text, **options):
    (tmp_path / "train.csv").write_text("text,label\na,b\nc,d\n")
    (tmp_path / "more.csv").write_text("words\nhello\n")
    (tmp_path / "m").mkdir(exist_ok=True)
    path = tmp_path / "p.yaml"
    path.write_text(HEAD + text)
    with pytest.raises(ProfileError) as caught:
        load_profile(path, **options)
    return str(caught.value)


CHAIN = "stages:\n  - teacher: {model: m}\n%s  - export\n"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "data: {train: train.csv}\n" + CHAIN % "  - distill: {}\n  - augment: {}\n  - prune: {layers: 1}\n",
            ":8:5: P025: augment makes rows to train on, and no stage after it trains on them",
        ),
        (
            "data: {train: train.csv, unlabelled: more.csv}\n" + CHAIN % "  - distill: {}\n",
            ":4:26: P026: data.unlabelled names texts, and no stage takes them",
        ),
        (
            "data: {train: train.csv}\n" + CHAIN % "  - augment: {copies: 0}\n  - distill: {}\n",
            ":7:5: P027: augment makes no copies, and data.unlabelled names no texts",
        ),
        (
            "data: {train: train.csv}\n" + CHAIN % "  - augment: {unlabelled_copies: 3}\n  - distill: {}\n",
            ":7:5: P027: unlabelled_copies of augment is about the texts of data.unlabelled, which names none",
        ),
        (
            "data: {train: train.csv, unlabelled: mores.csv}\n" + CHAIN % "  - augment: {}\n  - distill: {}\n",
            ":4:38: P040: data.unlabelled: there is no file mores.csv (did you mean more.csv?",
        ),
        (
            "data: {train: train.csv, unlabelled: more.csv}\n" + CHAIN % "  - augment: {}\n  - distill: {}\n",
            "P041: more.csv has no column 'text' (data.text)",
        ),
        (
            "data: {train: train.csv}\nstages:\n  - augment: {}\n  - teacher: {model: m}\n  - distill\n  - export\n",
            ":6:5: P022: augment takes answers or torch, but it is the first stage",
        ),
        (
            "data: {train: train.csv}\n" + CHAIN % "  - augment: {noise: [{drop: {shere: 0.1}}]}\n  - distill: {}\n",
            "unknown setting 'shere' (did you mean share?)",
        ),
        (
            "data: {train: train.csv}\n" + CHAIN % "  - augment: {noise: [dorp]}\n  - distill: {}\n",
            "there is no operation 'dorp' (did you mean drop?)",
        ),
    ],
)
def test_what_would_be_ignored_or_cannot_be_is_told(tmp_path, text, wanted):
    assert wanted in told(tmp_path, text)


def test_a_prune_that_recovers_trains_on_the_rows_unless_it_is_told_not_to(tmp_path):
    text = "data: {train: train.csv}\n" + CHAIN % "  - augment: {}\n  - prune: {layers: 1, recover: {extra: %s}}\n"
    assert "P025" in told(tmp_path, text % "false", check_files=False)
    (tmp_path / "q.yaml").write_text(HEAD + text % "true")
    profile = load_profile(Path(tmp_path / "q.yaml"), check_files=False)
    assert profile.steps[2].stage.uses_extra


@pytest.mark.parametrize(
    ("form", "losses", "wanted"),
    [
        ("labels", "", "P028: distill has a loss that needs the teacher's probabilities, and answers does not give them"),
        ("labels", "losses: [teacher_labels, cross_entropy]", ""),
        ("probabilities", "", ""),
        ("labels", "losses: [teacher_labels], teachers: [{model: first}, {model: m}]", "needs the teacher's probabilities"),
        ("probabilities", "teacher_outputs: {top_k: 2}", "P028: distill has a loss that needs the teacher's highest logits"),
        ("probabilities", "losses: [hidden_states]", "P028: distill has a loss that needs the teacher's hidden states"),
    ],
)
def test_a_teacher_who_only_answers_is_asked_for_no_more(tmp_path, form, losses, wanted):
    text = (
        "data: {train: train.csv}\nstages:\n"
        f"  - answers: {{file: a.csv, model: m, form: {form}}}\n  - distill: {{{losses}}}\n  - export\n"
    )
    if wanted:
        assert wanted in told(tmp_path, text, check_files=False)
    else:
        (tmp_path / "p.yaml").write_text(HEAD + text)
        assert load_profile(tmp_path / "p.yaml", check_files=False).steps[0].stage.gives == "answers"


def test_of_several_teachers_the_highest_logits_alone_are_no_mean(tmp_path):
    text = "data: {train: train.csv}\nstages:\n  - teacher: {model: m, train: {epochs: 1}, ensemble: 2}\n  - distill: {%s}\n  - export\n"
    wanted = "P028: distill has a loss that needs the teacher's highest logits, and teacher does not give them (leave teacher_outputs out)"
    assert wanted in told(tmp_path, text % "teacher_outputs: {top_k: 2}", check_files=False)
    (tmp_path / "p.yaml").write_text(HEAD + text % "losses: [hinton, hidden_states]")
    assert load_profile(tmp_path / "p.yaml", check_files=False)
