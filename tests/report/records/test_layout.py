"""Which files of a folder count as its records."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from foundry_bench.report.records.harvest import Evidence, read_folders
from foundry_bench.report.write import write_report
from tests.report.example_costs import fill_costs
from tests.report.examples import ExampleSweep

MakeSweep = Callable[..., ExampleSweep]
TRIAL = "foundry-s4-seed0"
OLD, NEW = 0.1, 0.9


def _accuracies(evidence: Evidence) -> list[float]:
    stages = (stage for trial in evidence.trials for stage in evidence.stages_of(trial))
    return [stage.metrics["accuracy"] for stage in stages if "accuracy" in stage.metrics]


def _written(sweep: ExampleSweep, accuracy: float, tag: str, at: float) -> None:
    """Write the trial as it ended at time `at`; `tag` keeps its stages apart from other runs'."""
    use = sweep.stage(f"e{tag}", "evaluate", task="probe", metrics={"accuracy": accuracy})
    sweep.trial("main", "foundry", 0, None, supertokens=4, stages=[use])
    os.utime(sweep.out / "trials" / TRIAL / "trial.json", (at, at))


@pytest.mark.parametrize("place", ["mlartifacts/1/run/artifacts", "old/trials/again", "mlruns/x"])
@pytest.mark.parametrize("tags", [("a", "b"), ("b", "a")])
def test_a_copy_of_an_earlier_run_is_not_read(
    make_sweep: MakeSweep, place: str, tags: Sequence[str]
) -> None:
    sweep = make_sweep()
    _written(sweep, OLD, tags[0], at=1)
    copy = sweep.out / place
    shutil.copytree(sweep.out / "trials" / TRIAL, copy)
    os.utime(copy / "trial.json", (9, 9))
    _written(sweep, NEW, tags[1], at=5)

    found = read_folders([sweep.out])

    assert _accuracies(found) == [NEW]
    assert found.folders[f"example/{TRIAL}"] == (sweep.out / "trials" / TRIAL).resolve()
    assert found.notes == ()


@pytest.mark.parametrize("tags", [("a", "b"), ("b", "a")])
def test_of_two_records_of_a_trial_the_newer_counts_and_the_older_is_named(
    make_sweep: MakeSweep, tags: Sequence[str]
) -> None:
    sweep = make_sweep()
    _written(sweep, OLD, tags[0], at=1)
    shutil.copytree(sweep.out / "trials", sweep.out / "records" / "trials")
    os.utime(sweep.out / "records" / "trials" / TRIAL / "trial.json", (2, 2))
    _written(sweep, NEW, tags[1], at=5)

    found = read_folders([sweep.out])

    assert _accuracies(found) == [NEW]
    (note,) = found.notes
    assert f"not example/records/trials/{TRIAL}." in note


def test_a_newer_record_that_failed_hides_an_older_result(make_sweep: MakeSweep) -> None:
    sweep, again = make_sweep(), make_sweep(folder="again")
    _written(sweep, OLD, "a", at=1)
    again.trial("main", "foundry", 0, None, supertokens=4, status="failed", stages=[])

    (trial,) = read_folders([sweep.out, again.out]).trials

    assert trial.status == "failed"


def test_every_layout_of_the_projects_own_is_read(make_sweep: MakeSweep, tmp_path: Path) -> None:
    first, second = fill_costs(make_sweep("first")), fill_costs(make_sweep("second"))
    both = [first.out, second.out]
    write_report(both, tmp_path / "reports" / "both", with_records=True)
    write_report([first.out], tmp_path / "reports" / "one", with_records=True)
    lone = make_sweep("lone", "apart")
    _written(lone, NEW, "a", at=1)
    shutil.move(lone.out / "stages", lone.out / "store" / "stages")

    expected = read_folders(both)
    assert read_folders([tmp_path / "runs"]).trials == expected.trials
    for folder in ("reports", "reports/both", "reports/both/records"):
        found = read_folders([tmp_path / folder])
        assert (found.trials, found.records) == (expected.trials, expected.records)
        assert found.profiles == expected.profiles
        assert found.notes == expected.notes
    assert read_folders([tmp_path / "reports/one"]).names == ["first"]
    assert _accuracies(read_folders([lone.out])) == [NEW]
    assert _accuracies(read_folders([tmp_path / "apart"])) == [NEW]
    assert _accuracies(read_folders([lone.out / "trials", lone.out / "store"])) == [NEW]


def test_a_store_behind_a_link_is_read(make_sweep: MakeSweep, tmp_path: Path) -> None:
    sweep = make_sweep()
    _written(sweep, NEW, "a", at=1)
    shutil.move(sweep.out / "stages", tmp_path / "shared" / "stages")
    (sweep.out / "store").symlink_to(tmp_path / "shared")
    (sweep.out.parent / "loop").symlink_to(sweep.out.parent)

    assert _accuracies(read_folders([sweep.out])) == [NEW]
    assert _accuracies(read_folders([sweep.out.parent])) == [NEW]
