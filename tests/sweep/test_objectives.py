import math
from pathlib import Path
from typing import Any

import pytest

from foundry_bench.config.search import Objective
from foundry_bench.config.sweep import TrialConfig
from foundry_bench.record import Record, StageUse, Status, read_json, write_json
from foundry_bench.stage import Stage, StageResult
from foundry_bench.store import RECORD, describe
from foundry_bench.sweep.expand import expand, trial_id
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.group import TRIAL, describe_trial
from foundry_bench.sweep.objectives import Worth, gmacs, worth
from tests.sweep.planned_stages import sweep_config

SEEDS = expand(sweep_config(axes={}, seeds=[0, 1]), 2, 0)
ACCURACY = [Objective.parse("accuracy")]


def end(out: Path, trial: TrialConfig, accuracy: float, status: Status = "done") -> None:
    """Leave the records of a trial that ended so, with two tasks."""
    uses = []
    for task, value in (("classification", accuracy), ("other", accuracy / 2)):
        stage = Stage("evaluate", 1, {}, lambda context: StageResult(), seed=trial.seed, task=task)
        record = describe(stage, "done", StageResult({"accuracy": value}), None)
        write_json(out / "stages" / stage.key / RECORD, record)
        uses.append(StageUse(stage="evaluate", task=task, key=stage.key))
    record = describe_trial(trial, status, None, uses)
    write_json(out / "trials" / trial_id(trial) / TRIAL, record)


def test_the_mean_over_seeds_counts_once_all_have_ended(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    end(tmp_path, SEEDS[0], 0.5)
    assert worth(SEEDS, ACCURACY, folder) is None
    end(tmp_path, SEEDS[1], 0.75)
    objectives = [Objective.parse("classification.accuracy"), Objective.parse("other.accuracy")]
    assert worth(SEEDS, objectives, folder) == Worth("done", (0.625, 0.3125))


@pytest.mark.parametrize(
    ("status", "expected"),
    [("pruned", "pruned"), ("failed", "failed"), ("oom", "failed"), ("diverged", "failed")],
)
def test_a_seed_without_its_numbers_leaves_no_value(
    tmp_path: Path, status: Status, expected: Any
) -> None:
    end(tmp_path, SEEDS[0], 0.9)
    end(tmp_path, SEEDS[1], 0.9, status)
    assert worth(SEEDS, ACCURACY, Folder(tmp_path)) == Worth(expected)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_not_finite_is_a_failure(tmp_path: Path, value: float) -> None:
    for trial, accuracy in zip(SEEDS, (0.9, value), strict=True):
        end(tmp_path, trial, accuracy)
    assert worth(SEEDS, ACCURACY, Folder(tmp_path)) == Worth("failed")


def test_counts_of_macs_stay_beside_the_trials(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    for trial in SEEDS:
        end(tmp_path, trial, 0.5)

    found = worth(SEEDS, [Objective.parse("gmacs")], folder)

    records = [read_json(path, Record) for path in tmp_path.glob(f"stages/*/{RECORD}")]
    counted = {
        None if (student := record.config["student"]) is None else student["supertokens"]: record
        for record in records
        if record.stage == "profile"
    }
    assert set(counted) == {None, 1}
    assert found == Worth("done", (counted[1].metrics["macs"] / 1e9,))


def with_student(**fields: Any) -> TrialConfig:
    (trial,) = expand(sweep_config(axes={}, student={"name": "foundry_gate", **fields}), 2, 0)
    return trial


def test_macs_rise_with_what_enters_the_encoder() -> None:
    costs = [gmacs(with_student(supertokens=2, budget=budget), None) for budget in (2, 8, 32)]
    assert costs == sorted(costs)
    assert costs[0] < costs[1] < costs[2] < 1


def test_a_gate_without_a_budget_costs_what_its_clouds_let_through() -> None:
    free = with_student(supertokens=2)
    assert gmacs(free, 7.6) == gmacs(with_student(supertokens=2, budget=8), None)
    assert gmacs(free, 0.5) == gmacs(with_student(supertokens=2, budget=2), None)
    plain = with_student(name="foundry", supertokens=2)
    assert gmacs(plain, 31.0) == gmacs(plain, None)
