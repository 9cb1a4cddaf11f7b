"""The teacher of docs/teachers.md, installed from outside, as it stands there."""

import importlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.torch import save_file

from foundry_bench.config.load import load_sweep
from foundry_bench.config.settings import TeacherSettings
from foundry_bench.config.sweep import TrialConfig
from foundry_bench.errors import FoundryError
from foundry_bench.registries import TEACHERS
from foundry_bench.store import Store
from foundry_bench.sweep.expand import expand
from foundry_bench.sweep.preflight import check_inputs
from foundry_bench.teachers.preset import teacher_source
from foundry_bench.testing import tiny_archive
from foundry_bench.trial import plan_trial

ROOT = Path(__file__).parents[2]
MODULES = ("my_teachers", "test_my_teachers")
MOST_LINES = 40
"""Of code, without blank ones."""


def blocks(language: str) -> list[str]:
    _, _, section = (ROOT / "docs/teachers.md").read_text().partition("## Bring your own")
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on `sys.path` with the package and the preset of the section."""
    for name, code in zip(MODULES, blocks("python"), strict=True):
        (tmp_path / f"{name}.py").write_text(code)
    (tmp_path / "stack.yaml").write_text(blocks("yaml")[0])
    points = tomllib.loads(blocks("toml")[0])["project"]["entry-points"]["foundry_bench.plugins"]
    info = tmp_path / "my_teachers-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-teachers\nVersion: 0.1\n")
    lines = [f"{name} = {target}" for name, target in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[foundry_bench.plugins]", *lines, ""]))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = TEACHERS.__dict__.pop("entries", None)
    yield tmp_path
    TEACHERS.__dict__.pop("entries", None)
    if before is not None:
        TEACHERS.__dict__["entries"] = before
    for name in MODULES:
        sys.modules.pop(name, None)


def trials_of(folder: Path) -> list[TrialConfig]:
    (folder / "sweep.yaml").write_text(
        f"{blocks('yaml')[1]}\n"
        "name: mine\n"
        "question: Does a stack do?\n"
        "student: {name: foundry, supertokens: 4}\n"
        f"data: {{name: archive, path: {tiny_archive(folder)}}}\n"
        "tasks: [probe]\n"
        "seeds: [0]\n"
        "baselines: {teacher: true, not_distilled: false, scratch: false}\n"
        "train: {views: {count: 1}, distill: {epochs: 1, batch: 8}}\n"
    )
    return expand(load_sweep(folder / "sweep.yaml"), cores=1)


def test_it_is_short() -> None:
    lines = [line for line in blocks("python")[0].splitlines() if line]
    assert len(lines) <= MOST_LINES


def test_the_command_line_lists_it(installed: Path) -> None:
    command = [sys.executable, "-m", "foundry_bench", "list", "teachers", "--json"]
    environment = {"PYTHONPATH": f"{installed}:{ROOT}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "stack" in [teacher["name"] for teacher in json.loads(done.stdout)]


def test_it_keeps_the_contract(installed: Path) -> None:
    contract = importlib.import_module("test_my_teachers").TestStack
    promises = [name for name in dir(contract) if name.startswith("test_")]
    assert len(promises) > 10
    for name in promises:
        getattr(contract(), name)()


def test_a_task_runs_on_it(installed: Path, tmp_path: Path) -> None:
    (trial,) = [trial for trial in trials_of(installed) if trial.student is None]
    check_inputs([trial])
    store = Store(tmp_path / "store")
    records = [store.get_or_run(stage, lambda progress: None).record for stage in plan_trial(trial)]
    assert 0 <= records[-1].metrics["probe_accuracy"] <= 1


def test_a_student_that_copies_what_it_lacks_is_refused_before_the_first_trial(
    installed: Path,
) -> None:
    with pytest.raises(FoundryError, match="student 'foundry': the teacher Stack has no `encoder"):
        check_inputs(trials_of(installed))


def test_its_own_weights_load(installed: Path) -> None:
    settings = TeacherSettings(name="stack", preset="stack.yaml", weights="random")
    save_file(teacher_source(settings).build(seed=1).state_dict(), "own.safetensors")
    loaded = teacher_source(settings.model_copy(update={"weights": "own.safetensors"})).build()
    expected = teacher_source(settings).build(seed=1)
    assert loaded.places.weight.equal(expected.places.weight)
