import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from foundry_bench.cli.main import app
from foundry_bench.config.source import parse_file
from foundry_bench.resources import shipped

SWEEPS = sorted(shipped("sweeps").rglob("*.yaml"))


@pytest.fixture(scope="module")
def schema() -> dict[str, object]:
    result = CliRunner().invoke(app, ["schema"])
    assert result.exit_code == 0
    return json.loads(result.output)


def test_the_schema_is_one(schema: dict[str, object]):
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_shipped_sweeps_fit_it_and_say_where_it_is(path: Path, schema: dict[str, object]):
    assert list(Draft202012Validator(schema).iter_errors(parse_file(path).value)) == []
    first = path.read_text().splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).is_file()


def test_the_shipped_schema_is_current(schema: dict[str, object]):
    current = json.loads((shipped("sweeps") / "schema.json").read_text()) == schema
    assert current, "settings have changed: foundry-bench schema --out sweeps/schema.json"


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("student", {"name": "foundry", "supertokns": 1}),
        ("student", "no_such"),
        ("seeds", []),
        ("tasks", []),
        ("nam", "x"),
    ],
)
def test_it_finds_faults(part: str, value: object, schema: dict[str, object]):
    sweep = {
        "name": "x",
        "question": "q",
        "student": "foundry",
        "data": "shapes",
        "tasks": ["probe"],
    }
    validator = Draft202012Validator(schema)
    assert validator.is_valid(sweep)
    assert not validator.is_valid({**sweep, part: value})


@pytest.mark.parametrize(
    ("task", "is_valid"),
    [
        ("modelnet40", True),
        ({"preset": "modelnet40", "finetune": {"epochs": 3}}, True),
        ({"preset": "modelnet40", "bogus": 1}, False),
        ({"preset": "no_such"}, False),
        ({"label": "mine"}, False),
    ],
)
def test_a_task_may_be_a_preset(task: object, is_valid: bool, schema: dict[str, object]):
    validator = Draft202012Validator(schema)
    sweep = {"name": "x", "question": "q", "student": "foundry", "data": "shapes", "tasks": [task]}
    assert validator.is_valid(sweep) == is_valid


def test_it_is_written_to_a_file(tmp_path: Path, schema: dict[str, object]):
    path = tmp_path / "schema.json"
    result = CliRunner().invoke(app, ["schema", "--out", str(path)])
    assert result.exit_code == 0
    assert json.loads(path.read_text()) == schema
