"""The student of CONTRIBUTING.md, installed from outside, as it stands there."""

import importlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundry_bench.config.load import load_sweep
from foundry_bench.errors import FoundryError
from foundry_bench.registries import STUDENTS
from foundry_bench.store import Store
from foundry_bench.sweep.expand import expand
from foundry_bench.testing import tiny_archive, tiny_preset
from foundry_bench.trial import plan_trial

ROOT = Path(__file__).parents[1]
HEADING = "## Add a student in one file"
MODULES = ("my_students", "test_my_students")
MOST_LINES = 35
"""Of code, without blank ones."""


def section() -> str:
    _, found, rest = (ROOT / "CONTRIBUTING.md").read_text().partition(HEADING)
    assert found, f"CONTRIBUTING.md has no '{HEADING}'"
    return rest.partition("\n## ")[0]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", section(), re.DOTALL)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on `sys.path` with the package of the section, as pip would leave it."""
    for name, code in zip(MODULES, blocks("python"), strict=True):
        (tmp_path / f"{name}.py").write_text(code)
    project = tomllib.loads(blocks("toml")[0])["project"]
    info = tmp_path / "my_students-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-students\nVersion: 0.1\n")
    lines = [
        f"{name} = {target}"
        for name, target in project["entry-points"]["foundry_bench.plugins"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(["[foundry_bench.plugins]", *lines, ""]))
    monkeypatch.syspath_prepend(tmp_path)
    before = STUDENTS.__dict__.pop("entries", None)
    yield tmp_path
    STUDENTS.__dict__.pop("entries", None)
    if before is not None:
        STUDENTS.__dict__["entries"] = before
    for name in MODULES:
        sys.modules.pop(name, None)


def sweep_file(folder: Path, student: str) -> Path:
    path = folder / "sweep.yaml"
    path.write_text(
        f"{student}\n"
        "name: mine\n"
        "question: Do octants do?\n"
        f"teacher: {{preset: {tiny_preset(folder)}, weights: random}}\n"
        f"data: {{name: archive, path: {tiny_archive(folder)}}}\n"
        "tasks: [probe]\n"
        "seeds: [0]\n"
        "baselines: {teacher: false, not_distilled: false, scratch: false}\n"
        "train: {views: {count: 1}, distill: {epochs: 1, batch: 8}}\n"
    )
    return path


def test_it_is_short() -> None:
    lines = [line for line in blocks("python")[0].splitlines() if line]
    assert len(lines) <= MOST_LINES


def test_the_command_line_lists_it(installed: Path) -> None:
    command = [sys.executable, "-m", "foundry_bench", "list", "students", "--json"]
    environment = {"PYTHONPATH": f"{installed}:{ROOT}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "octants" in [student["name"] for student in json.loads(done.stdout)]


def test_it_keeps_the_contract(installed: Path) -> None:
    contract = importlib.import_module("test_my_students").TestOctants
    promises = [name for name in dir(contract) if name.startswith("test_")]
    assert len(promises) > 10
    for name in promises:
        getattr(contract(), name)()


def test_a_sweep_of_it_runs(installed: Path, tmp_path: Path) -> None:
    (student,) = blocks("yaml")
    trials = expand(load_sweep(sweep_file(installed, student)), cores=1)
    assert [trial.varies["student.supertokens"] for trial in trials] == [1, 2, 4, 8]
    store = Store(tmp_path / "store")
    distill, probe = (
        store.get_or_run(stage, lambda progress: None).record for stage in plan_trial(trials[2])
    )
    assert distill.config["student"] == {"name": "octants", "supertokens": 4}
    assert distill.metrics["encoder_tokens"] == 4
    assert distill.metrics["heldout_nmse"] > 0
    assert 0 <= probe.metrics["probe_accuracy"] <= 1


def test_its_settings_are_checked_as_all_others(installed: Path) -> None:
    path = sweep_file(installed, "student: {name: octants, supertokens: 9}")
    with pytest.raises(FoundryError, match="supertokens: 9 is more than the teacher's 8 tokens"):
        load_sweep(path)
    path = sweep_file(installed, "student: {name: octants, supertoken: 4}")
    with pytest.raises(FoundryError, match="did you mean 'supertokens'"):
        load_sweep(path)
