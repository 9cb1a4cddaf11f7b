"""Published numbers, frozen: a refactor moves none of them.

Each gallery report's `rows.csv`, `results.csv` and `claims.csv` are computed again from its records
and compared, value by value, with the copies in `frozen/`; so are the output of `list` and
`profile flops` and the keys of the schema. Prose is not compared. After a change that moves numbers
on purpose, store them again and name each difference in the commit:

    python -m tests.snapshot.test_snapshot
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from foundry_bench.cli.main import app
from foundry_bench.config.sweep import SweepConfig
from foundry_bench.report.assemble import assemble
from foundry_bench.report.claims.show import claims_lines
from foundry_bench.report.records.harvest import read_folders
from foundry_bench.report.table import csv_text
from foundry_bench.results.frame import write_csv
from tests.stored import differences

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "reports" / "gallery"
FROZEN = Path(__file__).with_name("frozen")
REPORTS = sorted(folder.name for folder in GALLERY.iterdir())
COMMANDS = {
    "list": ["list", "--json"],
    "list_assignments": ["list", "assignments", "--json"],
    "flops": ["profile", "flops", "--json"],
    "flops_small_parts": [
        "profile",
        "flops",
        "--preset",
        "small",
        "--student",
        "foundry",
        "--parts",
        "50",
        "--json",
    ],
    "flops_paper": ["profile", "flops", "--preset", "paper_count", "--json"],
}
PROSE = {"summary", "target", "operators", "key"}
"""Fields of the commands' output that are free to change."""
NAMES = ("name", "student", "supertokens", "budget")
"""Fields that tell the items of a list apart."""


def report_tables(name: str) -> dict[str, str]:
    """The CSVs of a gallery report, computed from its records."""
    report = assemble(read_folders([GALLERY / name / "records"]))
    tables = {"rows": write_csv(report.rows), "claims": csv_text(claims_lines(report.claims))}
    for sweep in report.sweeps:
        tables[f"results_{sweep.name}"] = csv_text(sweep.lines)
    return tables


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, leaf) of a JSON document, without prose."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key not in PROSE:
                yield from flatten(item, f"{path}/{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            names = (
                [str(item[key]) for key in NAMES if key in item] if isinstance(item, dict) else []
            )
            yield from flatten(item, f"{path}/{'|'.join(names) or number}")
    else:
        yield path, value


def command_values(name: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, COMMANDS[name])
    assert done.exit_code == 0, done.output
    return dict(flatten(json.loads(done.stdout)))


def schema_keys(node: Any, path: str = "") -> Iterator[str]:
    """Every property of the schema by its path, with the values it is restricted to."""
    if isinstance(node, Mapping):
        for name, item in node.get("properties", {}).items():
            yield f"{path}.{name}"
            yield from (f"{path}.{name}={value}" for value in item.get("enum", ()))
        for key, item in node.items():
            yield from schema_keys(
                item, f"{path}/{key}" if path.endswith("$defs") else path + key * (key == "$defs")
            )
    elif isinstance(node, list):
        for item in node:
            yield from schema_keys(item, path)


def read(name: str) -> Any:
    return json.loads(gzip.decompress((FROZEN / f"{name}.json.gz").read_bytes()))


@pytest.mark.parametrize("name", REPORTS)
def test_tables_of_a_report_are_those_that_were_frozen(name: str) -> None:
    found, frozen = report_tables(name), read(f"gallery_{name}")

    assert found.keys() == frozen.keys()
    assert {table: differences(found[table], frozen[table])[:5] for table in found} == {
        table: [] for table in found
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_values_that_a_command_prints_are_those_that_were_frozen(name: str) -> None:
    """A new student or task may come beside them."""
    found, frozen = command_values(name), read(name)

    assert {key: found.get(key) for key in frozen} == frozen


def test_the_schema_has_the_keys_that_were_frozen() -> None:
    found = set(schema_keys(SweepConfig.model_json_schema()))

    assert set(read("schema")) <= found


def freeze() -> None:
    """Store every value as it is now."""
    FROZEN.mkdir(exist_ok=True)
    values: dict[str, Any] = {f"gallery_{name}": report_tables(name) for name in REPORTS}
    values |= {name: command_values(name) for name in COMMANDS}
    values["schema"] = sorted(set(schema_keys(SweepConfig.model_json_schema())))
    for name, value in values.items():
        text = json.dumps(value, indent=0, ensure_ascii=False)
        (FROZEN / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    freeze()
