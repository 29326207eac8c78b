"""Files that a profile names: data, a user's own stages and targets, and where all of them are looked for."""

from __future__ import annotations

from compactor.pipeline.profile import near_folders
from tests.pipeline.test_profile import CHAIN, HEAD, _beside_the_data, load, told  # noqa: F401 - the fixture is used by being there


def test_files_are_not_looked_for_when_that_is_not_wanted():
    assert load(HEAD.replace("train.csv", "gone.csv") + CHAIN, check_files=False).data.train == "gone.csv"


def test_paths_are_tried_here_then_in_compactor_data_then_beside_the_profile(tmp_path, monkeypatch):
    data = tmp_path / "elsewhere"
    data.mkdir()
    monkeypatch.setenv("COMPACTOR_DATA", str(data))
    (tmp_path / "sub").mkdir()
    assert near_folders(tmp_path / "sub" / "p.yaml") == (tmp_path, data, tmp_path / "sub")
    (data / "far.csv").write_text("text,category\n")
    assert load(HEAD.replace("train.csv", "far.csv") + CHAIN)


def test_a_file_of_one_column_is_told_with_what_parts_its_cells(tmp_path):
    """As spreadsheets save it where a comma is the decimal mark."""
    (tmp_path / "train.csv").write_text("text;category\nwhere is it;delivery\n")
    hint = "its cells seem to be parted by semicolons: save it with commas as .csv, or with tabs as .tsv"
    assert f"P041: train.csv has no column 'text' (data.text) ({hint})" in told(HEAD + CHAIN)


def test_labels_are_not_taken_from_the_column_of_the_texts():
    message = told(HEAD.replace("label: category", "label: text") + CHAIN)
    assert "P041: train.csv: data.text and data.label name the same column, 'text' (name the column of the labels)" in message


def test_a_users_own_stage_is_found_beside_the_profile(tmp_path):
    (tmp_path / "mine").mkdir()
    own = (
        "from typing import ClassVar\nfrom compactor.stages import Stage\nfrom compactor.base.settings import setting\n"
        "class Merge(Stage):\n    takes: ClassVar[frozenset[str]] = frozenset({'torch'})\n    size: int = setting(3, 'how many')\n"
        "    def run(self, source, work): ...\n"
    )
    (tmp_path / "mine" / "merge.py").write_text(own)
    stages = "stages:\n  - teacher: {model: ./model}\n  - ./mine/merge.py: {size: 4}\n"
    step = load(HEAD + stages).steps[1]
    assert (step.label, step.stage.size, len(step.source_hash)) == ("merge", 4, 64)
    assert "P004: unknown setting 'siez' (did you mean 'size'?)" in told(HEAD + stages.replace("size", "siez"))
    assert "P131: there is no file" in told(HEAD + stages.replace("merge.py", "merg.py"))
    (tmp_path / "mine" / "merge.py").write_text("import no_such_package")
    assert "P024: ./mine/merge.py cannot be imported: ModuleNotFoundError" in told(HEAD + stages)


def test_a_users_own_stage_may_lie_below_the_home_folder(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    own = "class Merge(Stage):\n    takes = frozenset({'torch'})\n    def run(self, source, work): ...\n"
    (home / "merge.py").write_text("from compactor.stages import Stage\n" + own)
    step = load(HEAD + "stages:\n  - teacher: {model: ./model}\n  - ~/merge.py: {}\n").steps[1]
    assert (step.label, len(step.source_hash)) == ("merge", 64)


def test_a_users_own_target_is_checked_with_its_own_lines(tmp_path):
    (tmp_path / "board.yaml").write_text("name: board\ntitle: a board\nmachine: aarch64\nthreads: 0\n")
    own = HEAD.replace("laptop-cpu", "board.yaml") + CHAIN
    assert "board.yaml:4:10: P008: threads is 0 (it must be at least 1)" in told(own)
    (tmp_path / "board.yaml").write_text("name: board\ntitle: a board\nmachine: aarch64\nthreads: 4\n")
    assert load(own).target.threads == 4
    assert "P031: there is no target file bord.yaml" in told(HEAD.replace("laptop-cpu", "bord.yaml") + CHAIN)


def test_further_targets_are_read_and_checked_with_their_lines(tmp_path):
    also = "also:\n  - {target: arm-edge, via: emulated}\n  - {target: host, via: 'ssh:pi@board:2222'}\n"
    assert [(each.target.name, each.via) for each in load(HEAD + also + CHAIN).also] == [
        ("arm-edge", "emulated"),
        ("host", "ssh:pi@board:2222"),
    ]
    assert load(HEAD + CHAIN).also == ()
    assert "P031: there is no target 'arm-egde' (did you mean 'arm-edge'?" in told(HEAD + also.replace("edge", "egde") + CHAIN)
    assert "via is the text 'telepathy'" in told(HEAD + also.replace("emulated", "telepathy") + CHAIN)
    assert "P033: the target laptop-cpu names no core" in told(HEAD + also.replace("arm-edge", "laptop-cpu") + CHAIN)
    assert "P033: the target arm-edge names no host" in told(HEAD + also.replace("emulated", "ssh") + CHAIN)
