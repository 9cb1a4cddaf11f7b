from pathlib import Path

import pytest

from benchmarks.macs import count_macs
from foundry_bench.config.sweep import TrialConfig
from foundry_bench.cost.trials import Priced, count_trials, price
from foundry_bench.errors import FoundryError
from foundry_bench.record import Status, write_json
from foundry_bench.registries import STUDENTS
from foundry_bench.sweep.expand import expand, trial_id
from foundry_bench.sweep.group import TRIAL, describe_trial
from foundry_bench.teachers.preset import teacher_source
from tests.sweep.planned_stages import sweep_config

SWEEP = sweep_config(axes={"student.supertokens": [2, 4]}, seeds=[0, 1])
TRIALS = expand(SWEEP, 2, 0)


def end(out: Path, trial: TrialConfig, status: Status = "done") -> None:
    write_json(out / "trials" / trial_id(trial) / TRIAL, describe_trial(trial, status, None, []))


def test_each_student_is_counted_once_with_its_teacher(tmp_path: Path) -> None:
    for trial in TRIALS:
        end(tmp_path, trial)
    records, failures = count_trials(tmp_path)
    students = [record.config["student"] for record in records]
    assert [None if each is None else each["supertokens"] for each in students] == [None, 2, 4]
    assert failures == []
    assert all((tmp_path / "stages" / record.key).is_dir() for record in records)
    source = teacher_source(TRIALS[0].teacher)
    assert {record.inputs["teacher"] for record in records} == {source.fingerprint}


def test_counts_are_of_tokens_without_a_head_as_torch_counts_them() -> None:
    priced = price(TRIALS[0], None)
    assert priced.student is not None
    teacher = teacher_source(priced.teacher).build()
    student = STUDENTS.get(priced.student.name)(teacher, priced.student)  # type: ignore[arg-type]
    student.settle(teacher)
    assert priced.macs == count_macs(student)["total"]
    assert Priced(priced.teacher, None).macs == count_macs(teacher)["total"]


def test_counting_again_keeps_what_is_there(tmp_path: Path) -> None:
    end(tmp_path, TRIALS[0])
    first, _ = count_trials(tmp_path)
    path = tmp_path / "stages" / first[1].key / "record.json"
    before = path.stat().st_mtime_ns
    again, _ = count_trials(tmp_path)
    assert [record.key for record in again] == [record.key for record in first]
    assert path.stat().st_mtime_ns == before


def test_a_folder_where_nothing_ended_well_is_the_users_error(tmp_path: Path) -> None:
    end(tmp_path, TRIALS[0], "failed")
    with pytest.raises(FoundryError, match="no trials that ended well"):
        count_trials(tmp_path)


def test_a_trial_that_cannot_be_read_is_told_and_the_rest_counted(tmp_path: Path) -> None:
    end(tmp_path, TRIALS[0])
    record = describe_trial(TRIALS[1], "done", None, [])
    config = {**record.config, "student": {"name": "never_registered"}}
    broken = record.model_copy(update={"config": config})
    write_json(tmp_path / "trials" / "broken" / TRIAL, broken)
    records, failures = count_trials(tmp_path)
    assert len(records) == 2
    (failure,) = failures
    assert "never_registered" in failure
