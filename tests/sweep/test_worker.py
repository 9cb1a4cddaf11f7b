"""A worker without a Ray around it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from foundry_bench.config.sweep import SweepConfig, TrialConfig
from foundry_bench.sweep import worker as module
from foundry_bench.sweep.expand import expand
from foundry_bench.sweep.gpu import Meter
from foundry_bench.sweep.grant import Grant
from foundry_bench.sweep.packing import Usage
from foundry_bench.sweep.watch import EPOCHS
from foundry_bench.sweep.worker import GRANT, GROUP, MEMBERS, NODE, Work, Worker
from tests.sweep.planned_stages import PLANNER, sweep_config


@contextmanager
def _unheard(logs: Mapping[str, Path]) -> Iterator[Callable[[str], None]]:
    yield lambda name: None


def ready(work: Work, sweep: SweepConfig | None = None) -> Worker:
    trial = expand(sweep or sweep_config(), 2, 0)[0]
    config = {GROUP: 0, MEMBERS: [trial.model_dump_json()], GRANT: Grant(share=1).model_dump_json()}
    made: Worker = Worker.__new__(Worker)
    made.setup(config, work)
    return made


def test_a_machine_that_does_not_see_the_folders_says_so_and_begins_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = SimpleNamespace(get_node_id=lambda: "node-2")
    monkeypatch.setattr(module.ray, "get_runtime_context", lambda: context)
    work = Work(str(tmp_path / "store"), str(tmp_path / "out"), PLANNER, mark="of another folder")
    worker = ready(work)
    assert worker.step() == {"done": False, NODE: "node-2"}
    end = worker.step()
    assert end["done"]
    assert f"does not see {tmp_path / 'out'}: give --out and --store" in end["problem"]
    assert not (tmp_path / "out").exists()


def test_a_watched_group_waits_after_each_epoch_however_slow_the_driver_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "output_to", _unheard)
    sweep = sweep_config(train={"distill": {"epochs": 3, "batch": 200}})
    work = Work(str(tmp_path / "store"), str(tmp_path / "out"), PLANNER, is_watched=True)
    worker = ready(work, sweep)
    seen: list[float] = []
    try:
        while len(seen) < 2:
            said = worker.step()
            seen += [said[EPOCHS]] if EPOCHS in said else []
            time.sleep(0.5)  # longer than an epoch
            assert worker._messages is not None
            assert worker._messages.empty() or EPOCHS not in said
    finally:
        worker.cleanup()
        worker._thread.shutdown()
    assert seen == [1, 2]


@pytest.mark.parametrize(("supertokens", "is_told"), [(1, True), (13, False)])
def test_what_a_failed_trial_used_of_a_gpu_is_no_measure_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, supertokens: int, is_told: bool
) -> None:
    @contextmanager
    def on_gpu(*arguments: object) -> Iterator[Meter]:
        meter = Meter()
        meter.usage = Usage(peak_mib=100, total_mib=40_000)
        yield meter

    monkeypatch.setattr(module, "output_to", _unheard)
    monkeypatch.setattr(Worker, "_on_gpu", on_gpu)
    sweep = sweep_config(axes={"student.supertokens": [supertokens]})
    worker = ready(Work(str(tmp_path / "store"), str(tmp_path / "out"), PLANNER), sweep)
    while not (said := worker.step())["done"]:
        assert "usage" not in said
    assert said["problem"] is None
    assert (said["usage"] is not None) == is_told


@pytest.mark.parametrize(
    ("device", "measures", "share", "waits", "is_measured"),
    [
        ("cpu", True, 1.0, [], False),
        ("cuda", True, 1.0, [1.0], True),
        ("cuda", True, 0.5, [0.5], False),
        ("cuda", False, 1.0, [1.0], False),
    ],
)
def test_a_group_on_a_gpu_waits_for_its_share_and_alone_on_it_is_measured(
    device: Any,
    measures: bool,
    share: float,
    waits: list[float],
    is_measured: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[float] = []
    measured: list[Meter] = []

    def wait(share: float) -> bool:
        waited.append(share)
        return True

    @contextmanager
    def measuring() -> Iterator[Meter]:
        measured.append(Meter())
        yield measured[-1]

    monkeypatch.setattr(module, "await_memory", wait)
    monkeypatch.setattr(module, "measuring", measuring)
    monkeypatch.setattr(module, "grow_segments", lambda: None)  # the environment is this test's too
    work = Work(str(tmp_path), str(tmp_path), PLANNER)
    worker = ready(replace(work, measures=measures))
    trial = expand(sweep_config(), 2, 0)[0].model_copy(update={"device": device})
    trials: list[TrialConfig] = [trial]
    with worker._on_gpu(trials, Grant(share=share)) as meter:
        assert waited == waits
    assert (meter in measured) == is_measured


GROUP_OF_TWO = """\
import sys
from pathlib import Path
from foundry_bench.store import Store
from foundry_bench.sweep.expand import expand, trial_id
from foundry_bench.sweep.group import run_group
from foundry_bench.sweep.worker import output_to
from tests.sweep.planned_stages import sweep_config
from tests.sweep.side_by_side_stages import plan

out = Path(sys.argv[1])
trials = expand(sweep_config(axes={"student.supertokens": [2, 4]}), 2, 0)
logs = {trial_id(trial): out / f"{trial.student.supertokens}.txt" for trial in trials}
with output_to(logs) as turn:
    run_group(trials, Store(out / "store"), out, lambda *_: None, plan, turn=turn)
"""


def test_members_that_take_turns_print_each_to_its_own_log(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", GROUP_OF_TWO, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    for size in (2, 4):
        lines = (tmp_path / f"{size}.txt").read_text().splitlines()
        turns = [f"{where} {turn} of {size}" for turn in range(3) for where in ("step", "below")]
        assert lines == [*turns, f"probe of {size}"]
