from pathlib import Path

import numpy as np
import pytest
import torch

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.record import Record, TrialRecord, read_json
from foundry_bench.stage import Progress, Stage, StageContext, StageResult
from foundry_bench.store import Store, StoreError
from foundry_bench.sweep.expand import expand, trial_id
from foundry_bench.sweep.group import in_order, run_group
from tests.sweep.planned_stages import plan, sweep_config


def trials(*supertokens: int) -> list[TrialConfig]:
    return expand(sweep_config(axes={"student.supertokens": list(supertokens)}), 2, 0)


def ignore(trial: str, progress: Progress) -> None:
    return None


def test_a_trial_leaves_its_records_and_small_arrays(tmp_path: Path) -> None:
    (trial,) = trials(4)
    out, store = tmp_path / "out", Store(tmp_path / "store")
    (record,) = run_group([trial], store, out, ignore, plan)
    assert record == read_json(out / "trials" / trial_id(trial) / "trial.json", TrialRecord)
    assert (record.status, record.error) == ("done", None)
    assert [use.stage for use in record.stages] == ["tokens", "distill", "evaluate"]
    found = [read_json(out / "stages" / use.key / "record.json", Record) for use in record.stages]
    assert found[1].metrics["distill_loss"] == found[1].history[-1]["loss"]
    with np.load(out / "stages" / record.stages[1].key / "arrays.npz") as arrays:
        assert arrays["supertokens"] == 4
    assert TrialConfig.model_validate(record.config) == trial


def test_large_arrays_stay_in_the_store(tmp_path: Path) -> None:
    def run(context: StageContext) -> StageResult:
        np.savez(context.directory / "arrays.npz", a=np.zeros(2**20, np.uint8))
        return StageResult()

    leaf = Stage("distill", 1, {}, run)
    store = Store(tmp_path / "store")
    run_group(trials(1), store, tmp_path, ignore, lambda trial: [leaf])
    assert (tmp_path / "store" / "stages" / leaf.key / "arrays.npz").exists()
    assert not (tmp_path / "stages" / leaf.key / "arrays.npz").exists()
    assert (tmp_path / "stages" / leaf.key / "record.json").exists()


def test_members_that_fail_do_not_end_the_others(tmp_path: Path) -> None:
    group = trials(13, 14, 15, 1)
    records = run_group(group, Store(tmp_path / "store"), tmp_path, ignore, plan)
    assert [record.status for record in records] == ["failed", "diverged", "oom", "done"]
    failed = records[0]
    assert failed.error == "distill: RuntimeError: thirteen"
    assert [use.stage for use in failed.stages] == ["tokens", "distill"]
    stage = read_json(tmp_path / "stages" / failed.stages[1].key / "record.json", Record)
    assert stage.status == "failed"
    log = (tmp_path / "trials" / failed.trial / "log.txt").read_text()
    assert "Traceback" in log
    assert "in _distill" in log


def test_a_trial_that_cannot_be_planned_is_recorded(tmp_path: Path) -> None:
    def broken(trial: TrialConfig) -> list[Stage]:
        raise KeyError("data")

    (record,) = run_group(trials(1), Store(tmp_path / "store"), tmp_path, ignore, broken)
    assert (record.status, record.error) == ("failed", "KeyError: 'data'")


def test_a_damaged_store_ends_the_group(tmp_path: Path) -> None:
    (trial,) = trials(1)
    store = Store(tmp_path / "store")
    tokens = next(iter(in_order(plan(trial)).values()))
    store.get_or_run(tokens, lambda progress: None)
    (store.root / "stages" / tokens.key / "record.json").write_text("{")
    with pytest.raises(StoreError, match="Delete the folder"):
        run_group([trial], store, tmp_path, ignore, plan)
    assert not (tmp_path / "trials" / trial_id(trial) / "trial.json").exists()


def test_an_output_folder_that_cannot_be_written_ends_the_group(tmp_path: Path) -> None:
    (tmp_path / "stages").touch()
    with pytest.raises(StoreError, match=rf"cannot write to the output folder {tmp_path}: .*--out"):
        run_group(trials(1), Store(tmp_path / "store"), tmp_path, ignore, plan)
    assert not list((tmp_path / "trials").glob("*/trial.json"))


def test_progress_names_the_trial(tmp_path: Path) -> None:
    seen: list[tuple[str, str, int]] = []

    def report(trial: str, progress: Progress) -> None:
        seen.append((trial, progress.stage, progress.epoch))

    (trial,) = trials(1)
    run_group([trial], Store(tmp_path / "store"), tmp_path, report, plan)
    assert {name for name, _, _ in seen} == {trial_id(trial)}
    assert [(stage, epoch) for _, stage, epoch in seen] == [
        ("tokens", 0),
        ("distill", 0),
        ("distill", 1),
        ("distill", 2),
        ("evaluate", 0),
    ]


def test_the_trials_threads_are_used_and_recorded(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    trial = trials(1)[0].model_copy(update={"threads": 2})
    try:
        (record,) = run_group([trial], Store(tmp_path / "store"), tmp_path, ignore, plan)
        stage = read_json(tmp_path / "stages" / record.stages[0].key / "record.json", Record)
        assert stage.device["threads"] == record.threads == 2
    finally:
        torch.set_num_threads(before)


def test_shared_needs_come_once_and_first() -> None:
    first, second = trials(1, 2)
    stages = list(in_order([*plan(first), *plan(second)]).values())
    assert [stage.kind for stage in stages] == [
        "tokens",
        "distill",
        "evaluate",
        "distill",
        "evaluate",
    ]
