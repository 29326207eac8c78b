"""A number that an option cannot take is told before anything is done."""

from __future__ import annotations

import pytest

from compactor.cli.main import main


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["try", "bundle", "a text", "--threads", "0"], "argument --threads: must be a whole number of 1 or more, not 0"),
        (["run", "p.yaml", "--threads", "-2"], "argument --threads: must be a whole number of 1 or more, not -2"),
        (["bench", "m.onnx", "--workers", "two"], "argument --workers: must be a whole number of 1 or more, not two"),
        (["bench", "m.onnx", "--seconds", "0"], "argument --seconds: must be a number above 0, not 0"),
        (["bench", "m.onnx", "--seconds", "nan"], "argument --seconds: must be a number above 0, not nan"),
        (["bench", "m.onnx", "--seconds", "inf"], "argument --seconds: must be a number above 0, not inf"),
    ],
)
def test_a_number_out_of_range_is_a_wrong_command(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    assert capsys.readouterr().err.rstrip().endswith(told)
