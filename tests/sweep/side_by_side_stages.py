"""Stages that learn side by side and print: what a group's logs are tested with."""

import os
import sys

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.stage import Stage, StageContext, StageResult
from foundry_bench.turns import next_turn


def plan(trial: TrialConfig) -> list[Stage]:
    """A distillation of three turns and a probe, which say whose they are."""
    size = getattr(trial.student, "supertokens", 0)

    def distill(context: StageContext) -> StageResult:
        for turn in range(3):
            next_turn()
            sys.stdout.write(f"step {turn} of {size}\n")
            os.write(2, f"below {turn} of {size}\n".encode())
        return StageResult({"distill_loss": 0.5})

    def probe(context: StageContext) -> StageResult:
        sys.stdout.write(f"probe of {size}\n")
        return StageResult({"probe_accuracy": 0.5})

    config = {"size": size}
    learnt = Stage("distill", 1, config, distill, seed=trial.seed, together="same")
    return [learnt, Stage("evaluate", 1, config, probe, needs={"backbone": learnt}, task="probe")]
