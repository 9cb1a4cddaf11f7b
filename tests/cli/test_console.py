"""Tables are whole where the output is no terminal."""

import pytest

from foundry_bench.cli.console import WIDTH_IN_FILES, stdout


def test_a_line_is_not_cut_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    line = "x" * (WIDTH_IN_FILES - 1)
    stdout().print(line)
    assert capsys.readouterr().out == f"{line}\n"
