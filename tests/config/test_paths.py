from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from foundry_bench.config.paths import is_path, user_path
from foundry_bench.config.settings import Seed, TeacherSettings, ViewSettings
from foundry_bench.errors import FoundryError
from foundry_bench.teachers.preset import teacher_source

SHIPPED = Path(__file__).parents[2] / "experiments" / "teachers"


@pytest.mark.parametrize("folder", ["~", "${PLACE}"])
def test_a_teacher_is_the_same_however_its_paths_are_spelled(
    monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setenv("HOME", str(SHIPPED))
    monkeypatch.setenv("PLACE", str(SHIPPED))
    weights = f"{folder}/point_jepa_tiny.safetensors"
    preset = f"{folder}/point_jepa_tiny.yaml"
    found = teacher_source(TeacherSettings(preset=preset, weights=weights))
    assert found.fingerprint == teacher_source(TeacherSettings()).fingerprint


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    with pytest.raises(FoundryError, match="NOWHERE"):
        user_path("${NOWHERE}/a")


def test_paths_of_sweeps_trials_and_presets_are_known() -> None:
    paths = [
        "data.path",
        "tasks.0.data.root",
        "teacher.weights",
        "axes.teacher.preset.1",
        "weights",
    ]
    assert all(map(is_path, paths))
    assert not any(map(is_path, ["question", "tasks.0.preset", "keep_weights", "student.path"]))


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_seeds_have_a_range(seed: int) -> None:
    assert TypeAdapter(Seed).validate_python(2**63 - 1) == 2**63 - 1
    with pytest.raises(ValidationError):
        TypeAdapter(Seed).validate_python(seed)
    with pytest.raises(ValidationError):
        ViewSettings(seed=seed)
