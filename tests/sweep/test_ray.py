"""Real sweeps on a real Ray, with stages that take no time."""

import io
import json
import time
from pathlib import Path

import pytest
from rich.console import Console

from foundry_bench.config.sweep import SweepConfig
from foundry_bench.errors import FoundryError
from foundry_bench.record import TrialRecord
from foundry_bench.store import Store
from foundry_bench.sweep.execution import Call, Outcome, has_ended, run_sweep
from foundry_bench.sweep.expand import expand, trial_id
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.group import run_group
from foundry_bench.sweep.planning import plan_sweep
from foundry_bench.sweep.slots import Slots
from foundry_bench.sweep.summary import summary
from foundry_bench.tracking import mirror
from tests.sweep.planned_stages import PLANNER, plan, sweep_config


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def call(out: Path, sweep: SweepConfig, **changes: object) -> Call:
    fields: dict[str, object] = {"out": out, "store": out / "store", "slots": Slots(2)}
    return Call(sweep, expand(sweep, 2, 0), planner=PLANNER, **{**fields, **changes})  # type: ignore[arg-type]


def run(asked: Call) -> tuple[Outcome, str]:
    text = io.StringIO()
    outcome = run_sweep(asked, Console(file=text, width=300))
    Console(file=text, width=300).print(summary(outcome, Folder(asked.out)))
    return outcome, text.getvalue()


def numbers(record: TrialRecord, out: Path) -> list[object]:
    stages = Folder(out).stages(record)
    return [(stage.key, stage.metrics, stage.history) for stage in stages]


def test_a_sweep_with_failures_ends_and_is_kept(tmp_path: Path) -> None:
    sweep = sweep_config(axes={"student.supertokens": [1, 12, 13, 14, 15, 2, 4]})
    asked = call(tmp_path, sweep)
    outcome, text = run(asked)

    by_size = {record.config["student"]["supertokens"]: record for record in outcome.records}
    statuses = {size: record.status for size, record in by_size.items()}
    failures = {12: "failed", 13: "failed", 14: "diverged", 15: "oom"}
    assert statuses == {1: "done", 2: "done", 4: "done", **failures}
    assert "worker process died" in str(by_size[12].error)
    assert [(each.status, each.share) for each in by_size[15].earlier_attempts] == [("oom", 0.5)]
    assert {size: record.share for size, record in by_size.items() if size != 15} == {
        size: 0.5 for size in statuses if size != 15
    }
    assert by_size[15].share == 1
    assert outcome.num_run == 7
    assert outcome.stage_s > 0
    assert outcome.overhead is not None
    assert outcome.is_mirrored
    assert "7/7" in text
    assert "RuntimeError: thirteen" in text
    assert str(tmp_path / "trials" / by_size[13].trial / "log.txt") in text
    assert f"foundry-bench report {tmp_path}" in text
    for size, record in by_size.items():
        log = (tmp_path / "trials" / record.trial / "log.txt").read_text()
        times = 2 if size == 15 else 1
        assert log.count("distilling to ") == log.count(f"distilling to {size}\n") == times
    saved = json.loads((tmp_path / "sweep.json").read_text())
    assert (saved["trials"], saved["failed"], saved["slots"]) == (7, 4, 2)
    assert not (tmp_path / "ray").exists()
    assert not (tmp_path / "progress.json").exists()

    # The same trial without Ray gives the same numbers, bit by bit.
    alone = next(trial for trial in asked.trials if trial_id(trial) == by_size[4].trial)
    (record,) = run_group(
        [alone], Store(tmp_path / "own"), tmp_path / "alone", lambda *_: None, plan
    )
    assert numbers(record, tmp_path / "alone") == numbers(by_size[4], tmp_path)

    # MLflow holds each trial once, whoever asks again.
    assert mirror(tmp_path) == 0

    # Called again, nothing runs; failures stay until they are asked for.
    start = time.perf_counter()
    again, text = run(asked)
    assert time.perf_counter() - start < 5
    assert (again.num_run, again.stage_s, len(again.failures)) == (0, 0.0, 4)
    assert "--retry diverged,failed,oom" in text
    folder = Folder(tmp_path)
    again_sizes = [
        getattr(each.trial.student, "supertokens", None)
        for each in plan_sweep(asked.trials, Store(asked.store), PLANNER).trials
        if not has_ended(folder, each, {"diverged"})
    ]
    assert again_sizes == [14]


def test_a_damaged_store_ends_the_sweep_with_its_message(tmp_path: Path) -> None:
    asked = call(tmp_path, sweep_config())
    store = Store(asked.store)
    tokens = plan(asked.trials[0])[0].needs["tokens"]
    entry = store.get_or_run(tokens, lambda progress: None)
    (entry.path / "record.json").write_text("{")
    with pytest.raises(FoundryError, match="Delete the folder"):
        run(asked)


def test_a_folder_of_another_sweep_is_refused(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.adopt(sweep_config(), ())
    folder.refuse_other(sweep_config(resources={"concurrent": 1}, question="Other words?"), ())
    with pytest.raises(FoundryError, match=r"holds the sweep 'planned', not 'other'.*--out"):
        run(call(tmp_path, sweep_config(name="other")))
    with pytest.raises(FoundryError, match="with other seeds"):
        run(call(tmp_path, sweep_config(seeds=[5])))


def test_a_folder_at_work_is_refused(tmp_path: Path) -> None:
    with (
        Folder(tmp_path).hold(),
        pytest.raises(FoundryError, match="another process is at work"),
    ):
        run(call(tmp_path, sweep_config()))


def test_workers_keep_to_the_gpus_that_the_sweep_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    from foundry_bench.sweep.ray_start import started_ray

    def seen() -> str:
        import os

        return os.environ["CUDA_VISIBLE_DEVICES"]

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    slots = Slots(4, gpus=2, per_gpu=2)
    with started_ray(slots):
        resources = slots.hold().resources
        held = {"num_cpus": resources["CPU"], "num_gpus": resources["GPU"]}
        found = ray.get([ray.remote(**held)(seen).remote() for _ in range(4)])
    assert set(found) <= {"5", "7"}
