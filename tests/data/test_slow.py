"""Progress of what takes long."""

import pytest

from foundry_bench.data.slow import watched


def test_portions_pass_through_and_nothing_is_printed_without_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list(watched(range(5), "counting", after_s=0)) == [0, 1, 2, 3, 4]
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_what_takes_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert list(watched(range(3), "counting", after_s=60)) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    assert list(watched(range(3), "counting", after_s=0)) == [0, 1, 2]
    assert "counting" in capsys.readouterr().err
