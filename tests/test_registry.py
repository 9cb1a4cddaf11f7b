import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import foundry_bench
from foundry_bench.config.settings import NamedSettings
from foundry_bench.errors import FoundryError
from foundry_bench.registries import ASSIGNMENTS, DATASETS, STUDENTS, TASKS, TEACHERS
from foundry_bench.registry import Registry

ROOT = Path(foundry_bench.__file__).parents[1]
OWN = {"sqrt": ("math:sqrt", "a function"), "gone": ("math:no_such", "not there")}


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A distribution in `tmp_path` that brings the student `theirs` and the name `sqrt`."""
    info = tmp_path / "their_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[foundry_bench.plugins]\n"
        "students.theirs = their_module:Theirs\n"
        "students.sqrt = their_module:Theirs\n"
        "students.broken = their_module:NoSuch\n"
        "tasks.other = their_module:Theirs\n"
    )
    (tmp_path / "their_module.py").write_text("class Theirs:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "their_module"
    sys.modules.pop("their_module", None)


def test_get_imports_the_one_asked_for():
    assert Registry("things", OWN).get("sqrt")(4) == 2


def test_unknown_names_get_the_nearest_or_all():
    registry = Registry("things", OWN)
    with pytest.raises(FoundryError, match="unknown thing 'sqrtt'; did you mean 'sqrt'"):
        registry.get("sqrtt")
    with pytest.raises(FoundryError, match="unknown thing 'xyz'; known: gone, sqrt"):
        registry.get("xyz")


def test_a_class_that_cannot_be_loaded_is_one_error():
    with pytest.raises(FoundryError, match="thing 'gone' of foundry-bench cannot be loaded"):
        Registry("things", OWN).get("gone")


def test_a_plugin_adds_entries_without_being_imported(plugin: str):
    registry = Registry("students", OWN)
    assert list(registry) == ["sqrt", "gone", "theirs", "broken"]
    assert registry.entries["theirs"].origin == "their-package"
    assert plugin not in sys.modules
    assert registry.get("theirs").__name__ == "Theirs"
    assert plugin in sys.modules


def test_a_plugin_takes_no_name_of_the_package(plugin: str):
    assert Registry("students", OWN).get("sqrt")(9) == 3


def test_a_broken_plugin_is_named(plugin: str):
    with pytest.raises(FoundryError, match="student 'broken' of their-package cannot be loaded"):
        Registry("students", OWN).get("broken")


def test_the_command_line_lists_a_plugin(plugin: str, tmp_path: Path):
    code = "from foundry_bench.cli.main import main; main()"
    command = [sys.executable, "-c", code, "list", "students"]
    environment = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "theirs" in shown.stdout
    assert "from their-package" in shown.stdout


@pytest.mark.parametrize("registry", [TEACHERS, STUDENTS, ASSIGNMENTS, TASKS, DATASETS])
def test_every_registered_class_loads_and_has_settings(registry: Registry[object]):
    for name in registry:
        assert issubclass(registry.get(name).Settings, NamedSettings)
