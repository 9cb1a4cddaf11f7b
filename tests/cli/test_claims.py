import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from foundry_bench.cli.claims import command
from tests.report.example_claims import over_supertokens
from tests.report.examples import ExampleSweep

app = typer.Typer()
app.command("claims")(command)
MINE = (
    "version: 1\npaper: Mine\nclaims:\n"
    "  - {id: it_rises, sentence: Accuracy rises., place: Here, check: {name: trend, above: 0.0}}\n"
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _sweep(accuracies: Mapping[int, float]) -> str:
    Path("mine.yaml").write_text(MINE)
    return str(over_supertokens(ExampleSweep(Path("runs/rising"), "rising"), accuracies).out)


def test_the_papers_claims_are_printed_whatever_they_are() -> None:
    out = _sweep({1: 0.9, 4: 0.85, 16: 0.8})

    result = CliRunner().invoke(app, [out])

    assert result.exit_code == 0, result.output
    assert "| few_supertokens_suffice " in result.output
    assert "| latency_falls " in result.output
    assert "it is not applicable" in result.output


def test_without_folder_the_newest_run_is_judged() -> None:
    _sweep({1: 0.8, 16: 0.9})

    result = CliRunner().invoke(app, ["--claims", "mine.yaml", "--details"])

    assert "| it_rises | holds " in result.output
    assert "  - holds: foundry: classification accuracy by doubling of s" in result.output
    assert "rising/foundry-s16-seed2" in result.output


@pytest.mark.parametrize(("last", "code"), [(0.7, 1), (0.9, 0)])
def test_strict_fails_where_a_claim_fails(last: float, code: int) -> None:
    out = _sweep({1: 0.8, 16: last})

    assert CliRunner().invoke(app, [out, "--claims", "mine.yaml"]).exit_code == 0
    assert CliRunner().invoke(app, [out, "--claims", "mine.yaml", "--strict"]).exit_code == code


def test_strict_does_not_fail_for_records_of_something_else() -> None:
    out = _sweep({1: 0.8, 16: 0.7})
    Path("mine.yaml").write_text(MINE.replace("place: Here,", "place: Here, scope: {data: [x]},"))

    result = CliRunner().invoke(app, [out, "--claims", "mine.yaml", "--strict"])

    assert result.exit_code == 0
    assert "not applicable" in result.output
    assert "fails" in result.output


def test_programs_get_json_alone() -> None:
    out = _sweep({1: 0.8, 16: 0.9})
    (Path(out) / "trials" / "cut").mkdir()
    (Path(out) / "trials" / "cut" / "trial.json").write_text('{"trial": "cu')

    result = CliRunner().invoke(app, [out, "--json"])

    told = json.loads(result.stdout)
    assert {each["id"] for each in told} >= {"near_the_teacher", "large_scene_fits"}
    assert "! trials/cut/trial.json is cut short" in result.stderr
