import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from foundry_bench.cli.choose import command
from foundry_bench.errors import FoundryError
from tests.report.example_costs import fill_costs
from tests.report.examples import ExampleSweep

ROOT = Path(__file__).parents[2]
app = typer.Typer()
app.command("choose")(command)


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ExampleSweep:
    monkeypatch.chdir(tmp_path)
    return fill_costs(ExampleSweep(Path("runs/mine"), "mine"))


def invoke(arguments: Sequence[str]) -> str:
    """The output, without the breaks of wrapped lines."""
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_answer_says_who_how_sure_and_how_to_export(sweep: ExampleSweep) -> None:
    said = invoke(["runs/mine", "--max-gmacs", "0.015"])
    assert "mine: the best student by classification accuracy with MACs of a cloud" in said
    (row,) = [line for line in said.splitlines() if line.endswith("| best |")]
    assert "foundry at s = 4" in row
    assert "the teacher is over the limits; the best is \N{MINUS SIGN}15.0 points" in said
    assert "runner-up: foundry at s = 1; the best has +10.0 points" in said
    assert "told apart" in said
    assert (
        "export: foundry-bench export runs/mine/trials/foundry-s4-seed0 --task classification"
        " --store STORE"
    ) in said


def test_a_store_beside_the_trials_needs_no_naming(sweep: ExampleSweep) -> None:
    for key in ("distill-foundry-s4-seed0", "tune-foundry-s4-seed0"):
        (sweep.out / "store" / "stages" / key).mkdir(parents=True)
    wanted = ["runs/mine", "--max-gmacs", "0.015"]
    assert invoke(wanted).rstrip().endswith("foundry-s4-seed0 --task classification")
    assert invoke([*wanted, "--store", "s"]).rstrip().endswith("--store s")


def test_who_was_not_measured_is_not_said_to_be_over(sweep: ExampleSweep) -> None:
    said = invoke(["runs/mine", "--max-latency-ms", "20"])
    (teacher,) = [line for line in said.splitlines() if line.startswith("| teacher")]
    assert teacher.endswith("| not known |")


def test_programs_get_all_numbers(sweep: ExampleSweep) -> None:
    (found,) = json.loads(invoke(["runs/mine", "--max-latency-ms", "20", "--json"]))
    assert found["best"]["student"] in ("foundry at s = 4", "soft at s = 8")
    assert found["trial"] == found["export"].split("/")[-1].split()[0]
    assert {rival["student"] for rival in found["rivals"]} | {found["best"]["student"]} == {
        "foundry at s = 1",
        "foundry at s = 4",
        "soft at s = 8",
    }
    assert found["limits"] == {"max-latency-ms": 20.0}
    assert found["front"][0]["student"] == "foundry at s = 1"


def test_what_was_not_measured_comes_with_the_command_that_does(sweep: ExampleSweep) -> None:
    with pytest.raises(FoundryError) as caught:
        invoke(["runs/mine", "--max-latency-ms", "20", "--batch", "8"])
    assert "not measured at batch 8, eager fp32" in str(caught.value)
    assert (
        "foundry-bench profile latency --teacher=point_jepa --preset=tiny --weights=shipped"
        " --distilled=STORE/stages/distill-foundry-s1-seed0"
    ) in str(caught.value)
    assert "--out=runs/mine" in str(caught.value)


def test_a_student_nobody_counted_is_named(sweep: ExampleSweep) -> None:
    for seed in range(3):
        sweep.trial("main", "foundry", seed, 0.99, supertokens=32)
    said = invoke(["runs/mine", "--max-gmacs", "1"])
    assert "not known: foundry at s = 32: MACs of a cloud" in said
    assert "run: foundry-bench profile trials runs/mine" in said


def test_sweeps_are_answered_one_by_one(sweep: ExampleSweep) -> None:
    other = ExampleSweep(Path("runs/other"), "other")
    other.trial("main", "foundry", 0, 0.5, supertokens=3)
    result = CliRunner().invoke(app, ["runs", "--max-gmacs", "1"])
    assert result.exit_code == 0, result.output
    assert "mine: the best student" in result.output
    assert "other: --max-gmacs: not counted yet" in result.output


def test_a_run_without_counts_is_counted_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = ExampleSweep(Path("runs/fresh"), "fresh")
    run.trial("main", "foundry", 0, 0.5, supertokens=3)
    (run.out / "sweep.json").write_text("{}")
    counted: list[Path] = []
    monkeypatch.setattr("foundry_bench.cost.trials.count_trials", counted.append)

    CliRunner().invoke(app, ["runs/fresh", "--max-gmacs", "1"])

    assert counted == [Path("runs/fresh")]


def test_a_folder_without_trials_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(FoundryError, match="no trials in"):
        invoke([str(tmp_path)])


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
@pytest.mark.parametrize(
    "option", ["--max-gmacs", "--max-mib", "--max-peak-mib", "--max-latency-ms"]
)
def test_a_limit_that_is_no_budget_is_refused(sweep: ExampleSweep, option: str, value: str) -> None:
    with pytest.raises(FoundryError, match=rf"{option}: given {value}; give a number above 0"):
        invoke(["runs/mine", option, value])


@pytest.mark.parametrize(
    "words", [("choose", "runs/mine", "--max-gmacs", "0.015"), ("claims", "runs/mine", "--details")]
)
def test_letters_that_the_output_lacks_are_replaced(
    sweep: ExampleSweep, words: Sequence[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "foundry_bench", *words],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONPATH": str(ROOT)},
    )

    assert done.returncode == 0, done.stderr
    assert b"?" in done.stdout
