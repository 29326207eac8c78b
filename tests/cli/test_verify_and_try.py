"""`compactor verify` and `compactor try` as a user types them."""

from __future__ import annotations

import io
import json
import shutil

import pytest

from tests.bundle.conftest import built, sources

__all__ = ["built", "sources"]


@pytest.fixture
def folder(built, tmp_path) -> str:
    shutil.copytree(built["fp32"], tmp_path / "bundle")
    return "bundle"


def test_a_sound_bundle_is_status_0(compactor, folder):
    status, out, err = compactor("verify", folder)
    assert (status, err) == (0, "")
    assert out.count("ok ") == 9
    assert "bundle answers as it did when built" in out


def test_a_damaged_bundle_is_status_1_with_the_file(compactor, folder, tmp_path):
    (tmp_path / folder / "labels.json").write_text("[]")
    status, out, _ = compactor("verify", folder)
    assert status == 1
    assert "FAILED     files          labels.json has changed since it was built" in out
    status, out, _ = compactor("verify", folder, "--json")
    assert status == 1
    assert json.loads(out)["passed"] is False


def test_verify_of_nothing_is_one_clear_line(compactor):
    status, out, err = compactor("verify", "nowhere")
    assert (status, out) == (4, "")
    assert err == "T201: there is no folder nowhere (give the folder of a bundle, the one with manifest.json)\n"


def test_try_prints_the_answer_with_its_time(compactor, folder):
    status, out, _ = compactor("try", folder, "my money back")
    assert status == 0
    assert out.rstrip().endswith(" ms)")
    status, out, _ = compactor("try", folder, "my money back", "--json")
    answer = json.loads(out)
    assert set(answer) == {"text", "label", "score", "ms", "load_ms"}


def test_try_reads_lines(compactor, folder, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("my money\nparcel\n\n"))
    status, out, _ = compactor("try", folder, "-", "--json")
    assert status == 0
    assert [json.loads(line)["text"] for line in out.splitlines()] == ["my money", "parcel", ""]


def test_try_tells_lines_that_are_not_utf8(compactor, folder, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a caf\xe9\n"), encoding="utf-8"))
    status, out, err = compactor("try", folder, "-")
    assert (status, out) == (1, "")
    assert err.startswith("T208: standard input is not UTF-8: byte 0xe9 (")


def test_try_with_two_sentences(compactor, built, monkeypatch):
    pair = str(built["pair"])
    status, out, _ = compactor("try", pair, "one", "--pair", "two", "--json")
    assert status == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("one\ttwo\n"))
    _, lines, _ = compactor("try", pair, "-", "--json")
    assert json.loads(lines)["score"] == json.loads(out)["score"]


def test_try_does_not_pass_over_a_second_sentence_that_the_model_cannot_read(compactor, folder, tmp_path):
    manifest = tmp_path / folder / "manifest.json"
    for answer in ("class", "vector"):
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "answer": answer}))
        assert compactor("try", folder, "one")[0] == 0
        status, out, err = compactor("try", folder, "one", "--pair", "two")
        assert (status, out) == (1, ""), answer
        assert err.startswith("T207: this model reads one sentence: leave pairs out"), answer


def test_try_without_the_second_sentence_says_so(compactor, built):
    status, _, err = compactor("try", str(built["pair"]), "one")
    assert status == 1
    assert "T207: this model compares two sentences" in err
    assert "Traceback" not in err
