from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from foundry_bench.cli.profile import app
from foundry_bench.cli.scenes import parse_bytes
from foundry_bench.cost import scenes
from foundry_bench.errors import FoundryError

SMALL = ["scenes", "--preset", "tiny", "--supertokens", "4", "--student", "foundry"]
FOUND = {"oom": 0.0, "group_ms": 500.0, "time_ms_median": 1500.0, "peak_rss_bytes": 2.0**30}


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The requests that were measured, which take no time here; large scenes run out of memory."""
    monkeypatch.chdir(tmp_path)
    requests: list[Any] = []

    def measure(request: Any) -> dict[str, float]:
        requests.append(request)
        return {"oom": 1.0} if request.architecture["points"] > 10_000 else FOUND

    monkeypatch.setattr(scenes, "measure", measure)
    return requests


def test_all_combinations_are_measured_once_and_shown(asked: list[Any]) -> None:
    arguments = [*SMALL, "--sizes", "20000,1024", "--memory-limit", "1GiB"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert len(asked) == 8
    assert {request.memory_limit for request in asked} == {2**30}
    assert "| teacher |  1,024 | materialised |" in result.output
    assert result.output.count("| out of memory |") == 4
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert len(asked) == 8, "what is there is not measured again"


def test_a_student_that_a_scene_cannot_have_is_left_out_with_the_reason(asked: list[Any]) -> None:
    arguments = ["scenes", "--preset", "tiny", "--supertokens", "4", "--student", "tome"]
    result = CliRunner().invoke(app, [*arguments, "--sizes", "8192", "--attention", "fused"])
    assert result.exit_code == 0, result.output
    assert len(asked) == 1
    assert "left out: tome at 8,192 points: supertokens: 4 is less than the 32" in result.output


def test_without_fpsample_a_cpu_says_what_to_install(
    asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foundry_bench.cli.scenes.find_spec", lambda name: None)
    with pytest.raises(FoundryError, match=r"pip install 'foundry-bench\[fps\]'"):
        CliRunner().invoke(app, SMALL, catch_exceptions=False)
    assert asked == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--attention", "fussed"], "--attention: unknown attention 'fussed'; did you mean"),
        (["--sizes", "1k"], "--sizes: given '1k'"),
        (["--sizes", "32"], "too few for 4 SuperTokens"),
        (["--memory-limit", "6"], "expected a size such as 6GiB"),
    ],
)
def test_what_a_user_gets_wrong_is_said(asked: list[Any], options: list[str], message: str) -> None:
    with pytest.raises(FoundryError) as caught:
        CliRunner().invoke(app, [*SMALL, *options], catch_exceptions=False)
    assert message in str(caught.value)
    assert asked == []


@pytest.mark.parametrize(
    ("text", "expected"), [("6GiB", 6 * 2**30), ("1.5 MiB", 3 * 2**19), ("7KiB", 7168)]
)
def test_sizes_are_read_with_their_unit(text: str, expected: int) -> None:
    assert parse_bytes(text) == expected
