"""The verbs around a sweep, as typed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from foundry_bench import trial as trial_module
from foundry_bench.cli.main import app
from foundry_bench.config.load import dump_yaml
from foundry_bench.config.sweep import TrialConfig
from foundry_bench.record import Record, TrialRecord, read_json
from foundry_bench.stage import Progress
from foundry_bench.store import Store
from foundry_bench.sweep.expand import expand
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.group import run_group
from tests.sweep.planned_stages import PLANNER, plan, sweep_config

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _planned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(trial_module, "plan_trial", plan)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")


def sweep_file(**changes: object) -> Path:
    path = Path("sweep.yaml")
    path.write_text(dump_yaml(sweep_config(**changes)))
    return path


def typed(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def finished(out: Path, *supertokens: int) -> list[TrialRecord]:
    """Trials of the sweep that ended, as a sweep leaves them."""
    sweep = sweep_config()
    folder = Folder(out.absolute())
    trials = expand(sweep, 2, 0)
    folder.adopt(sweep, trials)
    chosen = [trial for trial in trials if getattr(trial.student, "supertokens", 0) in supertokens]
    return run_group(chosen, Store(out / "store"), folder.root, lambda *_: None, plan)


def test_dry_run_prints_the_plan_and_leaves_nothing() -> None:
    result = typed("sweep", sweep_file(), "--dry-run")
    assert result.exit_code == 0, result.output
    assert "3 trials, 0 of them have ended; 2 at a time" in result.output
    assert "7 stages to run (1 tokens, 3 distill, 3 evaluate probe), 0 in store" in result.output
    assert not Path("runs").exists()


def test_dry_run_knows_what_is_in_store() -> None:
    finished(Path("runs/planned"), 1)
    result = typed("sweep", sweep_file(), "--dry-run")
    assert "3 trials, 1 of them have ended" in result.output
    assert "4 stages to run (2 distill, 2 evaluate probe), 3 in store" in result.output
    assert "has ended" in result.output
    assert "CPU core-hours, 0:00 at least, from 2 records of such stages on" in result.output


def test_dry_run_counts_no_stage_of_a_trial_that_ended() -> None:
    records = finished(Path("runs/planned"), 1, 2, 4)
    shutil.rmtree(Path("runs/planned/store/stages") / records[0].stages[1].key)
    result = typed("sweep", sweep_file(), "--dry-run")
    assert "0 stages to run (none), 6 in store" in result.output


def test_dry_run_refuses_what_the_sweep_refuses() -> None:
    finished(Path("runs/planned"), 1)
    threads = {"device": "cpu", "concurrent": 2, "threads": 2}
    result = typed("sweep", sweep_file(resources=threads), "--dry-run")
    assert result.exit_code == 2
    assert "--set resources.threads=1" in result.stderr
    few = sweep_file(data={"name": "shapes", "points": 64})
    result = typed("sweep", few, "--dry-run", "--out", "runs/few")
    assert result.exit_code == 2
    assert "'shapes' have 64 points" in result.stderr


def test_a_finished_sweep_runs_nothing_and_says_the_results() -> None:
    records = finished(Path("runs/planned"), 1, 2, 4)
    result = typed("sweep", sweep_file())
    assert result.exit_code == 0, result.output
    assert f"nothing to run: {len(records)} trials had ended" in result.output
    assert "foundry-bench report runs/planned" in result.output
    assert "0.5400" in result.output


def test_a_sweep_with_failures_ends_with_1_and_a_table_of_causes_and_logs() -> None:
    sweep = sweep_config(axes={"student.supertokens": [1, 13, 14, 15]})
    trials = expand(sweep, 2, 0)
    folder = Folder(Path("runs/planned").absolute())
    folder.adopt(sweep, trials)
    records = run_group(trials, Store(Path("runs/planned/store")), folder.root, ignore, plan)
    Path("sweep.yaml").write_text(dump_yaml(sweep))
    result = typed("sweep", "sweep.yaml")
    assert result.exit_code == 1
    lines = {line.split()[0]: line.split()[1:] for line in result.output.splitlines() if line}
    assert [record.status for record in records] == ["done", "failed", "diverged", "oom"]
    for record, cause in zip(records[1:], ("thirteen", "nan", "MemoryError"), strict=True):
        status, *words = lines[record.trial]
        assert status == record.status
        assert any(cause in word for word in words)
        assert words[-1] == f"runs/planned/trials/{record.trial}/log.txt"
        assert "Traceback" in Path(words[-1]).read_text()
    assert "--retry diverged,failed,oom" in result.output


def ignore(trial: str, progress: Progress) -> None:
    return None


def test_another_sweeps_folder_is_refused() -> None:
    finished(Path("runs/planned"), 1)
    other = sweep_file(seeds=[7])
    result = typed("sweep", other)
    assert result.exit_code == 2
    assert "holds a sweep 'planned' with other seeds" in result.stderr
    assert "--out" in result.stderr
    assert typed("sweep", other, "--dry-run", "--out", "runs/more").exit_code == 0


def test_retry_takes_statuses() -> None:
    result = typed("sweep", sweep_file(), "--retry", "failed,done")
    assert result.exit_code == 2
    assert "unknown status of --retry 'done'" in result.stderr


def test_smoke_runs_each_variant_once_and_keeps_nothing() -> None:
    path = sweep_file(axes={"student.supertokens": [1, 13]}, seeds=[0, 1, 2])
    result = typed("sweep", path, "--smoke")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["done", "failed"]
    assert "thirteen" in lines[1]
    assert not Path("runs").exists()


def test_run_takes_the_trial_that_a_sweep_saved() -> None:
    (record,) = finished(Path("runs/planned"), 4)
    path = Path("runs/planned/trials") / record.trial / "trial.yaml"
    result = typed("run", path, "--out", "alone")
    assert result.exit_code == 0, result.output
    assert f"{record.trial}  done" in result.output
    assert "probe_accuracy  0.54" in result.output
    again = read_json(Path("alone/trials") / record.trial / "trial.json", TrialRecord)
    assert again.same_result(record)
    assert again.finished_s(0) > record.finished_s(0) > 0
    key = record.stages[1].key
    stages = [
        read_json(Path(out) / "stages" / key / "record.json", Record)
        for out in ("alone", "runs/planned")
    ]
    assert stages[0].metrics == stages[1].metrics


def test_run_says_that_it_found_everything_in_the_store() -> None:
    (record,) = finished(Path("runs/planned"), 4)
    path = Path("runs/planned/trials") / record.trial / "trial.yaml"
    assert "nothing to run: all stages are in the store" in typed("run", path).output
    assert "nothing to run" not in typed("run", path, "--out", "alone").output


def test_what_run_leaves_in_the_folder_of_a_sweep_is_mirrored_by_its_next_call() -> None:
    (record,) = finished(Path("runs/planned"), 4)
    summary = Path("runs/planned/sweep.json")
    summary.write_text('{"name": "planned", "is_mirrored": true}')
    typed("run", Path("runs/planned/trials") / record.trial / "trial.yaml")
    assert json.loads(summary.read_text()) == {"name": "planned", "is_mirrored": False}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"device": "cuda"}, "trial.yaml: device: given 'cuda', but there is no CUDA device"),
        ({"student": {"name": "foundry", "supertokens": 9999}}, "trial.yaml: student.supertokens"),
        ({"data": {"name": "shapes", "points": 64}}, "'shapes' have 64 points"),
    ],
)
def test_run_refuses_what_cannot_run(
    changes: dict[str, object], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foundry_bench.provenance.num_gpus", lambda: 0)
    trial = expand(sweep_config(), 2, 0)[0]
    values = {**trial.model_dump(exclude_unset=True), **changes}
    Path("trial.yaml").write_text(dump_yaml(TrialConfig.model_validate(values)))
    result = typed("run", "trial.yaml")
    assert result.exit_code == 2, result.output
    assert expected in result.stderr
    assert not Path("runs").exists()


def test_run_keeps_out_of_a_sweep_at_work_and_of_one_without_the_trial() -> None:
    (record,) = finished(Path("runs/planned"), 4)
    path = Path("runs/planned/trials") / record.trial / "trial.yaml"
    with Folder(Path("runs/planned")).hold():
        result = typed("run", path)
    assert (result.exit_code, "another process is at work" in result.stderr) == (2, True)
    stranger = expand(sweep_config(axes={"student.supertokens": [5]}), 2, 0)[0]
    Path("trial.yaml").write_text(dump_yaml(stranger))
    result = typed("run", "trial.yaml")
    assert result.exit_code == 2
    assert "is the folder of a sweep without the trial foundry-s5" in result.stderr


def test_run_ends_with_1_when_the_trial_failed() -> None:
    trial = expand(sweep_config(axes={"student.supertokens": [13]}), 2, 0)[0]
    Path("trial.yaml").write_text(dump_yaml(trial))
    result = typed("run", "trial.yaml")
    assert result.exit_code == 1
    assert "RuntimeError: thirteen" in result.output
    assert "log.txt" in result.output


def test_status_as_json() -> None:
    out = Path("runs/planned")
    finished(out, 1, 4)
    result = typed("status", out, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["counts"] == {"done": 2, "waiting": 1}
    assert found["is_running"] is False
    first = found["trials"][0]
    assert first.keys() >= {
        "trial",
        "role",
        "variant",
        "seed",
        "state",
        "loss",
        "accuracy",
        "error",
    }
    assert (first["state"], first["accuracy"]) == ("done", 0.51)


def test_status_of_a_folder_that_is_no_sweep() -> None:
    result = typed("status", ".")
    assert result.exit_code == 2
    assert "holds no trials" in result.stderr


SWEEP = f"""
import functools
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # nohup and `&` have it ignored
from foundry_bench.cli.main import main
from foundry_bench.sweep import execution
execution.Call = functools.partial(execution.Call, planner={PLANNER!r})
main()
"""


def test_ctrl_c_stops_the_workers_and_keeps_what_was_finished() -> None:
    path = sweep_file(axes={"train.distill.batch": [1, 60_000]}, seeds=[0, 1])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    # to files: helpers of Ray hold a pipe open for a while after the sweep has ended
    with Path("output.txt").open("w") as output, Path("errors.txt").open("w") as errors:
        sweep = subprocess.Popen(
            [sys.executable, "-c", SWEEP, "sweep", str(path)],
            env=environment,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
    folder = Folder(Path("runs/planned").absolute())
    deadline = time.monotonic() + 120
    while not (state := running_and_ended(folder))[0] or state[1] < 2:
        assert sweep.poll() is None, Path("errors.txt").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    os.killpg(sweep.pid, signal.SIGINT)
    code, told = sweep.wait(timeout=60), Path("errors.txt").read_text()
    assert code == 130, told
    assert "Traceback" not in told
    assert "interrupted" in told
    assert "2/4" in Path("output.txt").read_text()

    found = json.loads(typed("status", folder.root, "--json").stdout)
    assert found["counts"] == {"done": 2, "waiting": 2}
    assert found["is_running"] is False
    assert all(
        (entry / "record.json").exists() for entry in (folder.root / "store/stages").iterdir()
    )
    assert not alive(str(folder.root))


def running_and_ended(folder: Folder) -> tuple[int, int]:
    """What `status` says of a sweep in another process."""
    if not folder.identities():
        return 0, 0
    counts = json.loads(typed("status", folder.root, "--json").stdout)["counts"]
    return counts.get("running", 0), counts.get("done", 0)


def alive(path: str) -> list[str]:
    """Processes that have a file below `path` open."""
    found = []
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if target.startswith(path) and link.parts[2] != str(os.getpid()):
            found.append(target)
    return found
