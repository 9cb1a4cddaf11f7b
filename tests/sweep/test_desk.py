"""What the desk makes of a group's end, without Ray."""

import io
from pathlib import Path

from rich.console import Console

from foundry_bench.record import TrialRecord
from foundry_bench.store import Store
from foundry_bench.sweep.board import Board
from foundry_bench.sweep.desk import MAX_LOSSES, Desk
from foundry_bench.sweep.display import Lines
from foundry_bench.sweep.execution import apart, has_ended
from foundry_bench.sweep.expand import expand, trial_id
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.group import in_order, run_group
from foundry_bench.sweep.packing import Usage
from foundry_bench.sweep.planning import TrialPlan
from foundry_bench.sweep.slots import Slots
from foundry_bench.sweep.supply import Given, Supply
from tests.sweep.planned_stages import plan, sweep_config

OOM = 15


class Sweep:
    """A group of trials of these sizes, its supply and its desk."""

    def __init__(self, out: Path, *sizes: int, slots: Slots) -> None:
        sweep = sweep_config(axes={"student.supertokens": list(sizes)})
        self.trials = expand(sweep, 2, 0)
        self.folder = Folder(out)
        self.supply = Supply([self.trials], None, slots)
        self.board = Board(self.trials, slots.now)
        self.mirrored: list[str] = []
        shown = Lines(self.board, Console(file=io.StringIO()))
        self.desk = Desk(self.supply, self.folder, self.board, shown, self.mirrored.append)

    def take(self) -> Given:
        given = self.supply.take()
        assert given is not None
        self.desk.started(given.index)
        return given

    def run(self, given: Given) -> None:
        """As a worker does."""
        store = Store(self.folder.root / "store")
        ignore = lambda *_: None  # noqa: E731
        run_group(list(given.trials), store, self.folder.root, ignore, plan, given.grant)

    def record(self, size: int) -> TrialRecord | None:
        (found,) = (
            trial_id(trial)
            for trial in self.trials
            if getattr(trial.student, "supertokens", 0) == size
        )
        return self.folder.trial(found)


def test_what_ran_out_of_memory_runs_once_more_with_twice_the_share(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, 1, OOM, slots=Slots(4))
    first = sweep.take()
    sweep.run(first)
    due = sweep.record(OOM)
    assert due is not None
    assert due.retry_pending
    trial = first.trials[1]
    planned = TrialPlan(trial, list(in_order(plan(trial)).values()))
    assert not has_ended(sweep.folder, planned, ()), "a driver that dies here tries again"
    fresh, (next_call,) = apart([first.trials], sweep.folder)
    assert fresh == [[first.trials[0]]]

    sweep.desk.ended(first.index, {"key": 1.0})
    assert sweep.record(OOM) is None
    assert len(sweep.mirrored) == 1
    assert not sweep.supply.is_over

    second = sweep.take()
    assert second.group == next_call, "as in the next call, had the driver died"
    assert second.index != first.index
    assert [trial_id(trial) for trial in second.trials] == [due.trial]
    assert (first.hold.share, second.hold.share) == (0.25, 0.5)
    assert second.hold.resources == {"CPU": 2}
    sweep.run(second)
    sweep.desk.ended(second.index, {})
    record = sweep.record(OOM)
    assert record is not None
    assert (record.status, record.share, record.retry_pending) == ("oom", 0.5, False)
    assert [(each.status, each.share) for each in record.earlier_attempts] == [("oom", 0.25)]
    assert "MemoryError" in str(record.earlier_attempts[0].error)
    assert has_ended(sweep.folder, planned, ())
    assert sweep.supply.is_over
    assert sweep.supply.num_trials == 2
    assert sorted(sweep.mirrored) == sorted(trial_id(trial) for trial in sweep.trials)


def test_a_worker_that_was_killed_for_its_memory_gets_twice_the_share_too(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, 1, slots=Slots(2, gpus=1, per_gpu=2))
    sweep.desk.died(sweep.take().index, "oom", "its machine ran out of memory")
    again = sweep.take()
    assert again.hold.resources["GPU"] == 1
    sweep.run(again)
    sweep.desk.ended(again.index, {})
    record = sweep.record(1)
    assert record is not None
    assert (record.status, record.share) == ("done", 1)
    assert record.earlier_attempts[0].error == "its machine ran out of memory"


def test_members_that_ran_out_of_memory_side_by_side_come_again_each_alone(
    tmp_path: Path,
) -> None:
    sweep = Sweep(tmp_path, 1, 2, 4, slots=Slots(1))
    first = sweep.take()
    sweep.desk.died(first.index, "oom", "its machine ran out of memory")
    assert dict(sweep.board.counts) == {"waiting": 3, "running": 0}
    for trial in sweep.trials:
        again = sweep.take()
        assert again.trials == [trial], "in their order"
        assert again.hold.share == first.hold.share == 1
        assert sweep.board.counts["running"] == 1
        sweep.run(again)
        sweep.desk.ended(again.index, {})
    records = [sweep.record(size) for size in (1, 2, 4)]
    assert [record.status for record in records if record] == ["done"] * 3
    assert [len(record.earlier_attempts) for record in records if record] == [1] * 3
    assert sweep.supply.is_over


def test_what_had_all_of_it_has_no_second_try(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, OOM, slots=Slots(1))
    given = sweep.take()
    sweep.run(given)
    sweep.desk.ended(given.index, {})
    record = sweep.record(OOM)
    assert record is not None
    assert (record.status, record.share, record.earlier_attempts) == ("oom", 1, [])
    assert sweep.supply.is_over


def test_a_worker_that_died_fails_the_member_of_its_group_that_had_not_ended(
    tmp_path: Path,
) -> None:
    sweep = Sweep(tmp_path, 1, 2, slots=Slots(2))
    given = sweep.take()
    run_group(list(given.trials[:1]), Store(tmp_path / "s"), tmp_path, lambda *_: None, plan)
    sweep.desk.died(given.index, "failed", "its worker process died")
    assert [sweep.record(size).status for size in (1, 2)] == ["done", "failed"]  # type: ignore[union-attr]
    assert sweep.supply.is_over


def test_members_of_which_one_ended_the_process_come_again_each_alone(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, 1, 2, 4, slots=Slots(1))
    first = sweep.take()
    run_group(list(first.trials[:1]), Store(tmp_path / "s"), tmp_path, lambda *_: None, plan)
    sweep.desk.died(first.index, "failed", "its worker process died")
    assert sweep.record(2) is None
    second = sweep.take()
    assert second.trials == [first.trials[1]]
    sweep.desk.died(second.index, "failed", "its worker process died")
    third = sweep.take()
    sweep.run(third)
    sweep.desk.ended(third.index, {})
    assert third.trials == [first.trials[2]]
    assert [sweep.record(size).status for size in (1, 2, 4)] == ["done", "failed", "done"]  # type: ignore[union-attr]
    assert sweep.supply.is_over


def test_a_lost_machine_is_no_failure_of_the_trials(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, 1, 2, slots=Slots(2))
    given = sweep.take()
    run_group(list(given.trials[:1]), Store(tmp_path / "s"), tmp_path, lambda *_: None, plan)
    sweep.desk.lost(given.index, "its machine left the cluster")
    again = sweep.take()
    assert again.trials == given.trials[1:]
    assert again.hold == given.hold
    sweep.run(again)
    sweep.desk.ended(again.index, {})
    record = sweep.record(2)
    assert record is not None
    assert (record.status, record.earlier_attempts) == ("done", [])


def test_a_worker_that_ends_after_its_group_changes_nothing(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, 1, OOM, slots=Slots(2))
    given = sweep.take()
    sweep.run(given)
    sweep.desk.ended(given.index, {})
    sweep.desk.lost(given.index, "its machine left the cluster")
    sweep.desk.died(given.index, "failed", "its worker process died")
    assert len(sweep.mirrored) == 1
    assert sweep.record(OOM) is None
    assert [trial_id(trial) for trial in sweep.take().trials] == [trial_id(given.trials[1])]
    assert sweep.supply.take() is None


def test_a_group_that_machines_do_not_outlive_fails_at_last(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, 1, slots=Slots(1))
    for _ in range(MAX_LOSSES + 1):
        assert sweep.record(1) is None
        sweep.desk.lost(sweep.take().index, "its machine left the cluster")
    record = sweep.record(1)
    assert record is not None
    assert record.status == "failed"
    assert "its machine left the cluster" in str(record.error)
    assert sweep.supply.is_over


def test_the_first_measure_says_how_many_share_a_gpu(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, 1, slots=Slots(16, gpus=2, per_gpu="auto"))
    usage = Usage(peak_mib=8_000, total_mib=40_000, utilisation=0.3)
    sweep.desk.measured(usage)
    assert sweep.supply.slots.per_gpu == 4
    assert sweep.board.slots == 8
    sweep.desk.measured(Usage(peak_mib=30_000, total_mib=40_000))
    assert sweep.supply.slots.per_gpu == 4
    assert sweep.desk.usage == usage
