"""Trials to stages, and which of them the store has already."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.stage import Stage
from foundry_bench.store import Store
from foundry_bench.sweep.group import Planner, in_order, lacking

PLANNER = "foundry_bench.trial:plan_trial"


@dataclass(frozen=True)
class TrialPlan:
    """What a trial needs: its stages, each after what it needs."""

    trial: TrialConfig
    stages: Sequence[Stage]


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep needs.

    Attributes:
        to_run: stages that the store lacks, each once, by key; and those whose weights were freed
            and such a stage needs.
        in_store: stages that it has.
    """

    trials: Sequence[TrialPlan]
    to_run: dict[str, Stage]
    in_store: dict[str, Stage]


def load_planner(path: str) -> Planner:
    """The planner called `module:function`."""
    module, _, name = path.partition(":")
    return cast(Planner, getattr(import_module(module), name))


def plan_sweep(trials: Sequence[TrialConfig], store: Store, planner: str = PLANNER) -> SweepPlan:
    """All stages of `trials`.

    Raises:
        FoundryError: if a trial cannot be planned, such as for a file that is missing.
    """
    plan = load_planner(planner)
    plans = [TrialPlan(trial, list(in_order(plan(trial)).values())) for trial in trials]
    stages = {stage.key: stage for each in plans for stage in each.stages}
    lacks = lacking(stages, store)
    to_run = {key: stage for key, stage in stages.items() if key in lacks}
    in_store = {key: stage for key, stage in stages.items() if key not in lacks}
    return SweepPlan(plans, to_run, in_store)


def stage_name(stage: Stage) -> str:
    """`distill`, or `evaluate probe`."""
    return f"{stage.kind} {stage.task}" if stage.task else stage.kind
