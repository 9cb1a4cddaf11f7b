"""Tables are whole where the output is no terminal."""

import pytest

from foundry_bench.cli.console import WIDTH_IN_FILES, columns, stdout


def test_a_line_is_not_cut_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    line = "x" * (WIDTH_IN_FILES - 1)
    stdout().print(line)
    assert capsys.readouterr().out == f"{line}\n"


def test_brackets_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    stdout().print("[bold]chair[/bold]")
    assert capsys.readouterr().out == "[bold]chair[/bold]\n"


def test_words_stand_in_columns() -> None:
    assert columns([("a", "bcd", "e"), ("fgh", "i", "")]) == "  a    bcd  e\n  fgh  i"
    assert columns([]) == ""
