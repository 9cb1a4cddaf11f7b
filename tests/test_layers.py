"""The package's arrows go one way: who may know of whom (CONTRIBUTING.md, house style)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import foundry_bench

ROOT = Path(foundry_bench.__file__).parent
OWNERS = {
    "ray": "sweep",
    "optuna": "sweep",
    "mlflow": "tracking",
    "matplotlib": "report",
    "seaborn": "report",
    "statsmodels": "results",
}
"""Library -> the one part of the package that imports it."""
BELOW = frozenset(
    ["geometry", "data", "models", "teachers", "students", "tasks", "training", "cost"]
)
ABOVE = frozenset(["sweep", "tracking", "results", "report", "cli"])
"""Parts that those of `BELOW` know nothing of."""


def imports(root: Path) -> Iterator[tuple[str, str, str]]:
    """File, part and imported module of each import in `root`, inside of functions too."""
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((str(inside), inside.parts[0].removesuffix(".py"), name) for name in names)


NOT_BESIDE = {"results": frozenset(["sweep", "tracking", "report", "cli", "tasks", "training"])}
"""Part -> parts that it knows nothing of: results are read without torch, Ray and MLflow."""


def faults(root: Path) -> list[str]:
    found = []
    for file, part, name in imports(root):
        library, _, rest = name.partition(".")
        mine = rest.partition(".")[0] if library == foundry_bench.__name__ else ""
        is_upwards = (part in BELOW and mine in ABOVE) or mine in NOT_BESIDE.get(part, ())
        if OWNERS.get(library, part) != part or is_upwards:
            found.append(f"{file} imports {name}")
    return found


def test_each_part_knows_those_below_it_alone() -> None:
    assert faults(ROOT) == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("cost/flops.py", "from foundry_bench.report import stats"),
        ("cost/flops.py", "from foundry_bench import cli"),
        ("data/cache.py", "def late():\n    import foundry_bench.tracking"),
        ("report/page.py", "import mlflow.tracking"),
        ("trial.py", "from ray import tune"),
        ("results/frame.py", "from foundry_bench.report import table"),
        ("tasks/probe.py", "from foundry_bench.results import load"),
    ],
)
def test_an_import_that_goes_the_other_way_is_found(tmp_path: Path, file: str, line: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(line)
    assert [fault.partition(" ")[0] for fault in faults(tmp_path)] == [file]
