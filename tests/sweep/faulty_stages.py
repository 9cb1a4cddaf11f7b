"""Stages that need room on a disk: what faults of disks are tested with.

Each SuperToken is a MiB: of the stage's result in the store, or with `plan_chatty` of its log in
the output folder.
"""

import sys

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.stage import Stage, StageContext, StageResult

LARGE = f"{__name__}:plan_large"
CHATTY = f"{__name__}:plan_chatty"


def plan_large(trial: TrialConfig) -> list[Stage]:
    """A stage that leaves a large file."""
    size = getattr(trial.student, "supertokens", 0)

    def run(context: StageContext) -> StageResult:
        sys.stderr.write("a large result\n")
        (context.directory / "weights").write_bytes(bytes(size * 2**20))
        return StageResult({"probe_accuracy": 0.5})

    return [Stage("distill", 1, {"size": size}, run)]


def plan_chatty(trial: TrialConfig) -> list[Stage]:
    """A stage that prints much."""
    size = getattr(trial.student, "supertokens", 0)

    def run(context: StageContext) -> StageResult:
        for _ in range(size):
            sys.stderr.write("a" * 2**20)
            sys.stderr.flush()
        return StageResult({"probe_accuracy": 0.5})

    return [Stage("distill", 1, {"size": size}, run)]
