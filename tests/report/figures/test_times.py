from collections.abc import Callable

from foundry_bench.report.figures.times import picture_times, sum_times
from foundry_bench.report.records.harvest import Evidence, read_folders
from tests.report.examples import ExampleSweep

MakeSweep = Callable[..., ExampleSweep]


def test_times_sum_by_kind_longest_first(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for seed, seconds in enumerate((10.0, 30.0)):
        distill = sweep.stage(f"d{seed}", "distill", timings={"wall_s": seconds})
        sweep.trial("main", "foundry", seed, None, supertokens=4, stages=[distill])
    probe = sweep.stage("probe", "evaluate", task="probe", timings={"wall_s": 50.0})
    sweep.trial("main", "foundry", 2, None, supertokens=4, stages=[probe])

    data = sum_times(read_folders([sweep.out]))

    assert data[["stage", "n", "total_s"]].to_numpy().tolist() == [
        ["evaluate: probe", 1, 50.0],
        ["distill", 2, 40.0],
    ]
    assert data.iloc[1][["quartile1_s", "median_s", "quartile3_s"]].tolist() == [15.0, 20.0, 25.0]


def test_a_shared_stage_counts_once(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    shared = sweep.stage("shared", "tokens")
    for seed in (0, 1):
        sweep.trial("main", "foundry", seed, None, supertokens=4, stages=[shared])

    assert sum_times(read_folders([sweep.out]))["n"].tolist() == [1]


def test_without_times_there_is_no_picture() -> None:
    assert sum_times(Evidence()).empty
    assert picture_times(Evidence()) is None
