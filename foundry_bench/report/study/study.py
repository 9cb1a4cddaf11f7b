"""Evidence -> one sweep as its report and the claims see it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from foundry_bench.record import Role, TrialRecord
from foundry_bench.report.records.harvest import Evidence, SweepInfo, settings_of, trial_id
from foundry_bench.report.study.costs import Costs, add_costs
from foundry_bench.report.study.levels import Level
from foundry_bench.report.study.measures import Measure
from foundry_bench.report.study.runs import Run, collect_runs, measures_in
from foundry_bench.report.study.series import Series, name_series
from foundry_bench.report.study.summary import Group, Summary, summarise

SPECIALIST = "specialist"
"""The student that learns a task's answers; its setting `task` says which."""


@dataclass(frozen=True)
class Study:
    """The records of one sweep and the statistics on them.

    Attributes:
        evidence: of this sweep alone.
        specialists: the series of specialists -> the word of the task that each learned.
    """

    name: str
    evidence: Evidence
    rows: pd.DataFrame
    costs: Costs
    summary: Summary
    specialists: Mapping[Series, str]

    @property
    def info(self) -> SweepInfo:
        """What stands beside the trials."""
        return self.evidence.sweeps.get(self.name, SweepInfo())

    @cached_property
    def sweep_file(self) -> Mapping[str, Any]:
        """The resolved sweep file; empty if there is none that can be read."""
        try:
            said = YAML(typ="safe", pure=True).load(self.info.yaml)
        except YAMLError:
            return {}
        return said if isinstance(said, Mapping) else {}

    @property
    def is_search(self) -> bool:
        """Whether its students were suggested by a search."""
        return bool(self.sweep_file.get("search"))

    @property
    def loss_name(self) -> str:
        """The kind of distillation loss, empty if there are several."""
        names = set(self.rows["loss_name"]) - {""}
        return names.pop().replace("smooth_l1", "smooth-L1") if len(names) == 1 else ""

    @property
    def runs(self) -> tuple[Run, ...]:
        """One a trial, with what it costs."""
        return self.costs.runs

    def runs_of(self, group: Group, measure: Measure | None = None) -> list[Run]:
        """The runs of `group`, or those of them that gave its numbers of `measure`."""
        found = self._by_group.get((group.role, group.setting, group.level), [])
        return [run for run in found if measure is None or measure in run.numbers]

    def trial_of(self, run: Run) -> TrialRecord:
        """The trial behind a run."""
        return self._trials[run.trial]

    def student_of(self, group: Group) -> Mapping[str, Any]:
        """The settings of the student of `group`; empty for a teacher."""
        return settings_of(self.trial_of(self.runs_of(group)[0]).config, "student")

    @cached_property
    def _trials(self) -> Mapping[str, TrialRecord]:
        return {trial.trial: trial for trial in self.evidence.trials}

    @cached_property
    def _by_group(self) -> Mapping[tuple[Role, Series, Level], list[Run]]:
        found: dict[tuple[Role, Series, Level], list[Run]] = defaultdict(list)
        for run in self.runs:
            found[run.role, run.series, run.level].append(run)
        return found


def study_sweeps(evidence: Evidence, rows: pd.DataFrame) -> tuple[Study, ...]:
    """A study of each sweep.

    Args:
        evidence: of all of them.
        rows: as `tidy_rows` gives them.
    """
    return tuple(_study(evidence.of_sweep(name), rows, name) for name in evidence.names)


def _study(part: Evidence, all_rows: pd.DataFrame, name: str) -> Study:
    rows = all_rows[all_rows["sweep"] == name]
    series = name_series(part.trials)
    costs = add_costs(collect_runs(rows, part.trials, series), part)
    return Study(
        name,
        part,
        rows,
        costs,
        summarise(costs.runs, measures_in(rows)),
        find_specialists(part.trials, series),
    )


def find_specialists(
    trials: Sequence[TrialRecord], series: Mapping[str, Series]
) -> dict[Series, str]:
    """The series of specialists -> the word of the task that each learned."""
    students = ((trial, settings_of(trial.config, "student")) for trial in trials)
    return {
        series[trial_id(trial)]: str(student.get("task", ""))
        for trial, student in students
        if student.get("name") == SPECIALIST
    }
