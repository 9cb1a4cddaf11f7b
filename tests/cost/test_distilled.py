import json
from collections.abc import Callable
from pathlib import Path

import pytest

from foundry_bench.config.settings import TeacherSettings
from foundry_bench.cost.distilled import read_distilled
from foundry_bench.errors import FoundryError
from foundry_bench.students.foundry_gate import FoundryGateSettings
from foundry_bench.teachers.preset import TeacherSource, teacher_source
from foundry_bench.testing import tiny_preset

GATE = FoundryGateSettings(supertokens=3, gate_lambda=0.5)


@pytest.fixture
def source(tmp_path: Path) -> TeacherSource:
    preset = tiny_preset(tmp_path)
    return teacher_source(TeacherSettings(preset=str(preset), weights="random"))


@pytest.fixture
def leave(tmp_path: Path, source: TeacherSource) -> Callable[..., Path]:
    def write(**changes: object) -> Path:
        record = {
            "key": "k" * 64,
            "stage": "distill",
            "stage_version": 2,
            "status": "done",
            "config": {"student": GATE.model_dump(mode="json")},
            "inputs": {"teacher": source.fingerprint},
            "seed": 3,
        }
        folder = tmp_path / "stage"
        folder.mkdir()
        (folder / "record.json").write_text(json.dumps(record | changes))
        (folder / "weights.safetensors").write_bytes(b"")
        return folder

    return write


def test_settings_seed_and_weights_are_found(
    leave: Callable[..., Path], source: TeacherSource
) -> None:
    folder = leave()
    found = read_distilled(folder, source)
    assert found.settings == GATE
    assert (found.seed, found.key) == (3, "k" * 64)
    assert found.weights == folder / "weights.safetensors"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stage": "evaluate"}, "holds a stage evaluate, done; give the folder of a distillation"),
        ({"status": "failed"}, "holds a stage distill, failed"),
        ({"inputs": {"teacher": "other"}}, "is of a student of another teacher than point_jepa"),
    ],
)
def test_what_is_no_distillation_of_this_teacher_is_refused(
    leave: Callable[..., Path], source: TeacherSource, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(FoundryError, match=message):
        read_distilled(leave(**changes), source)


def test_a_folder_without_a_record_is_refused(tmp_path: Path, source: TeacherSource) -> None:
    with pytest.raises(FoundryError, match=r"has no record.json; give the folder of a distill"):
        read_distilled(tmp_path, source)


def test_a_copied_record_without_weights_is_refused(
    leave: Callable[..., Path], source: TeacherSource
) -> None:
    folder = leave()
    (folder / "weights.safetensors").unlink()
    with pytest.raises(FoundryError, match=r"has no weights.safetensors: it is the copy"):
        read_distilled(folder, source)
