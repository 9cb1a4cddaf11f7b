"""Which trials stand behind a row of the results table, and how each is run again."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from foundry_bench.config.source import yaml_text
from foundry_bench.record import TrialRecord
from foundry_bench.report.study.study import Study
from foundry_bench.results.redact import redact_paths


@dataclass(frozen=True)
class Recipe:
    """A trial's whole configuration, and the trials that differ from it in their seed alone.

    Attributes:
        yaml: the first trial's, as `foundry-bench run` takes it; folders are shortened.
    """

    yaml: str
    trials: tuple[TrialRecord, ...]


@dataclass(frozen=True)
class Rerun:
    """How one row of the results table comes about; mostly by one recipe."""

    name: str
    recipes: tuple[Recipe, ...]


def find_reruns(study: Study) -> tuple[Rerun, ...]:
    """For every row of the results table of a sweep, in its order, the trials behind it."""
    return tuple(
        Rerun(group.name, _recipes(list(map(study.trial_of, study.runs_of(group)))))
        for group in study.summary.ordered
    )


def _recipes(trials: Sequence[TrialRecord]) -> tuple[Recipe, ...]:
    alike: dict[str, list[TrialRecord]] = defaultdict(list)
    for trial in sorted(trials, key=lambda trial: (trial.seed, trial.trial)):
        alike[json.dumps({**trial.config, "seed": None})].append(trial)
    return tuple(
        Recipe(redact_paths(yaml_text(several[0].config)), tuple(several))
        for several in alike.values()
    )
