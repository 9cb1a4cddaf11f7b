import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from foundry_bench import results
from foundry_bench.cli.main import app
from tests.report.examples import ExampleSweep


def fill(out: Path, shift: float = 0.0, *, seeds: Sequence[int] = (0, 1, 2)) -> Path:
    sweep = ExampleSweep(out)
    for seed in seeds:
        sweep.trial("baseline", "teacher", seed, 0.9 + seed / 1000)
        for variant, gain in (("foundry", 0.0), ("dso", 0.1)):
            accuracy = 0.5 + seed / 100 + gain + shift * (1 + seed / 10)
            sweep.trial("main", variant, seed, accuracy, supertokens=4, loss=0.2 - seed / 100)
    return out


def compare(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


def lines_of(*arguments: object) -> list[dict[str, object]]:
    result = compare(*arguments, "--json")
    assert result.exit_code == 0, result.output
    lines: list[dict[str, object]] = json.loads(result.output)
    return lines


def test_a_run_equals_itself(tmp_path: Path) -> None:
    run = fill(tmp_path / "run")

    result = compare(run, run, "--strict")

    assert result.exit_code == 0
    assert "0 changed" in result.output
    assert lines_of(run, run) == []
    assert {line["status"] for line in lines_of(run, run, "--all")} == {"same"}


@pytest.mark.parametrize(("shift", "verdict", "code"), [(0.2, "better", 0), (-0.2, "worse", 1)])
def test_a_change_beyond_the_interval_has_a_direction(
    tmp_path: Path, shift: float, verdict: str, code: int
) -> None:
    runs = fill(tmp_path / "a"), fill(tmp_path / "b", shift)

    lines = lines_of(*runs)

    assert [line["variant"] for line in lines] == ["dso", "foundry"]
    assert {(line["metric"], line["verdict"], line["num_pairs"]) for line in lines} == {
        ("accuracy", verdict, 3)
    }
    assert compare(*runs, "--strict").exit_code == code
    assert compare(*runs).exit_code == 0


def test_a_fall_within_the_interval_is_none(tmp_path: Path) -> None:
    first = fill(tmp_path / "a", seeds=(0, 1))
    second = fill(tmp_path / "b", -0.2, seeds=(0, 1))

    assert compare(first, second, "--strict").exit_code == 0


def test_a_result_that_is_gone_fails_a_strict_comparison(tmp_path: Path) -> None:
    before, after = fill(tmp_path / "a"), fill(tmp_path / "b")
    for path in (after / "trials").glob("dso-*/trial.json"):
        path.unlink()

    assert compare(before, after, "--strict").exit_code == 1


def test_two_variants_of_one_run(tmp_path: Path) -> None:
    run = fill(tmp_path / "run")

    lines = lines_of(run, "--between", "foundry", "dso")

    (accuracy,) = [line for line in lines if line["metric"] == "accuracy"]
    assert accuracy["mean"] == pytest.approx(0.1)
    assert accuracy["num_pairs"] == 3


def test_wrong_arguments_are_user_errors(tmp_path: Path) -> None:
    run = fill(tmp_path / "run")
    (tmp_path / "empty").mkdir()

    for arguments in ([run], [run, run, run], [run, tmp_path / "empty"], [run, tmp_path / "none"]):
        assert compare(*arguments).exit_code == 2
    assert compare(run, "--between", "foundry", "dzo").exit_code == 2
    assert compare(run, run, "--between", "foundry", "dso").exit_code == 2


def test_a_setting_that_one_side_does_not_record_tells_no_groups_apart(tmp_path: Path) -> None:
    run = fill(tmp_path / "run")
    frame = results.load(run)
    earlier = frame.assign(eps=float("nan"))
    later = frame.assign(eps=1e-8)

    compared = results.compare_frames(earlier, later)

    assert set(compared["status"]) == {"same"}
