"""What a run tells: sparse lines in a log, nothing under CI, bars on a terminal, events that survive a kill."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta

import pytest

from compactor.base.errors import StageError
from compactor.base.finding import Finding
from compactor.cli.say import TerminalReporter


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def events(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_events_are_json_lines_with_the_time(tmp_path):
    path = tmp_path / "run" / "events.jsonl"
    reporter = TerminalReporter(path, stream=io.StringIO())
    reporter.event("stage", label="distill", seconds=1.5, folder=tmp_path)
    reporter.finding(Finding("D201", "note", "few rows", "add rows"))
    first, second = events(path)
    assert datetime.fromisoformat(first["time"]).utcoffset() == timedelta(0)
    assert (first["kind"], first["label"], first["seconds"], first["folder"]) == ("stage", "distill", 1.5, str(tmp_path))
    assert (second["kind"], second["code"], second["hint"]) == ("finding", "D201", "add rows")


def test_the_half_line_of_a_killed_run_spoils_no_other(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"kind": "a"}\n{"kind": "cu')
    TerminalReporter(path, stream=io.StringIO()).event("b")
    lines = path.read_text().splitlines()
    assert lines[1] == '{"kind": "cu'
    assert json.loads(lines[2])["kind"] == "b"


def test_a_loss_that_is_not_a_number_leaves_json_that_others_can_read(tmp_path):
    TerminalReporter(tmp_path / "e", stream=io.StringIO()).event(
        "step", loss=float("nan"), parts={"hinton": [float("inf"), 1.0]}
    )
    (entry,) = [json.loads(line, parse_constant=pytest.fail) for line in (tmp_path / "e").read_text().splitlines()]
    assert (entry["loss"], entry["parts"]) == ("nan", {"hinton": ["inf", 1.0]})


def test_events_that_cannot_be_written_are_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StageError, match="cannot write"):
        TerminalReporter(tmp_path / "file" / "events.jsonl", stream=io.StringIO()).event("a")


def test_sentences_and_findings_go_to_the_stream_in_plain_text():
    stream = io.StringIO()
    reporter = TerminalReporter(stream=stream)
    reporter.say("[1/6] teacher: [bold]to do")
    reporter.finding(Finding("Q101", "warning", "slower than before", "leave out quantize"))
    assert stream.getvalue() == "[1/6] teacher: [bold]to do\nwarning Q101: slower than before (leave out quantize)\n"


def test_quiet_is_quiet_and_still_keeps_events(tmp_path):
    stream = Terminal()
    reporter = TerminalReporter(tmp_path / "e", quiet=True, stream=stream)
    reporter.say("x")
    reporter.event("y")
    with reporter.bar("training", 10) as bar:
        bar.advance(10)
    assert stream.getvalue() == ""
    assert len(events(tmp_path / "e")) == 1


def test_a_log_file_gets_a_line_each_tenth_with_the_time_left():
    stream, clock = io.StringIO(), Clock()
    with TerminalReporter(stream=stream, clock=clock).bar("training", 1000) as bar:
        for _ in range(1000):
            clock.now += 0.1
            bar.advance(loss=0.123456)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0] == "training: 10 % (100/1000 steps, 10 s, 1 min 30 s left, loss 0.1235)"
    assert lines[-1] == "training: 100 % (1000/1000 steps, 1 min 40 s, loss 0.1235)"


def test_slow_work_tells_every_half_minute():
    stream, clock = io.StringIO(), Clock()
    with TerminalReporter(stream=stream, clock=clock).bar("training", 10_000) as bar:
        for _ in range(100):
            clock.now += 1
            bar.advance()
    assert len(stream.getvalue().splitlines()) == 4


def test_work_that_goes_on_does_not_count_what_was_done_before_as_speed():
    stream, clock = io.StringIO(), Clock()
    with TerminalReporter(stream=stream, clock=clock).bar("training", 100, unit="rows") as bar:
        bar.restart(80)
        clock.now += 10
        bar.advance(10)
    assert stream.getvalue() == "training: 90 % (90/100 rows, 10 s, 10 s left)\n"


def test_work_of_a_moment_is_not_worth_a_line():
    stream = io.StringIO()
    with TerminalReporter(stream=stream, clock=Clock()).bar("encoding", 5) as bar:
        bar.advance(5)
    assert stream.getvalue() == ""


def test_no_bars_under_ci(monkeypatch):
    monkeypatch.setenv("CI", "true")
    stream, clock = io.StringIO(), Clock()
    reporter = TerminalReporter(stream=stream, clock=clock)
    with reporter.bar("training", 10) as bar:
        clock.now += 100
        bar.advance(10)
    reporter.say("done")
    assert stream.getvalue() == "done\n"


def test_bars_on_a_terminal_can_lie_inside_each_other(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    reporter = TerminalReporter(stream=stream)
    with reporter.bar("stages", 2) as outer:
        with reporter.bar("[training]", 10) as inner:
            inner.restart(5)
            inner.advance(5, loss=0.5)
            reporter.say("a sentence [between]")
        outer.advance()
    reporter.say("after")
    text = stream.getvalue()
    assert "[training]" in text
    assert "5/10" in text
    assert "a sentence [between]" in text
    assert text.endswith("after\n")


def test_no_color_is_honoured(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    with TerminalReporter(stream=stream).bar("training", 10) as bar:
        bar.advance(10)
    assert "\x1b[3" not in stream.getvalue()


def test_without_rich_there_are_lines(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    stream, clock = Terminal(), Clock()
    with TerminalReporter(stream=stream, clock=clock).bar("training", 10) as bar:
        clock.now += 5
        bar.advance(10)
    assert stream.getvalue() == "training: 100 % (10/10 steps, 5 s)\n"
