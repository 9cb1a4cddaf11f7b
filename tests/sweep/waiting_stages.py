"""Planned stages that distil only once `removed` lies in the store: until then all are at work."""

import os
import sys
import time

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.stage import Stage, StageContext, StageResult
from tests.sweep import planned_stages

PLANNER = "tests.sweep.waiting_stages:plan"
REMOVED = "removed"
PROCESS = "process"


def plan(trial: TrialConfig) -> list[Stage]:
    """A distillation that says when it begins and in which process, and waits."""
    distill, _ = planned_stages.plan(trial)

    def run(context: StageContext) -> StageResult:
        sys.stderr.write("began\n")
        (context.directory / PROCESS).write_text(str(os.getpid()))
        until = time.monotonic() + 200
        while not (context.directory.parents[1] / REMOVED).exists():
            assert time.monotonic() < until, "nobody removed a node"
            time.sleep(0.05)
        return StageResult({"distill_loss": 1.0})

    return [Stage("distill", 1, distill.config, run, seed=trial.seed)]
