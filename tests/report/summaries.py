"""Example sweeps as the report's layers see them."""

from foundry_bench.report.records.harvest import Evidence, read_folders
from foundry_bench.report.records.rows import tidy_rows
from foundry_bench.report.study.runs import Run, collect_runs, measures_in
from foundry_bench.report.study.series import name_series
from foundry_bench.report.study.study import Study, study_sweeps
from foundry_bench.report.study.summary import Summary, summarise
from tests.report.examples import ExampleSweep


def read(sweep: ExampleSweep) -> tuple[Evidence, list[Run], Summary]:
    """The records of `sweep`, its runs and their summary."""
    evidence = read_folders([sweep.out])
    rows = tidy_rows(evidence)
    runs = collect_runs(rows, evidence.trials, name_series(evidence.trials))
    return evidence, runs, summarise(runs, measures_in(rows))


def study(sweep: ExampleSweep) -> Study:
    """The same with costs, as the report sees it."""
    evidence = read_folders([sweep.out])
    (found,) = study_sweeps(evidence, tidy_rows(evidence))
    return found
