"""Stages that take no time, and trials made of them: what the engine is tested with.

A trial's settings say how its distillation goes: `train.distill.batch` milliseconds an epoch, and
by the number of SuperTokens it fails (13), diverges (14), runs out of memory (15) or kills its
process (12).
"""

import os
import signal
import sys
import time
from typing import Any

import numpy as np

from foundry_bench.config.sweep import SweepConfig, TrialConfig
from foundry_bench.errors import DivergedError
from foundry_bench.stage import Progress, Stage, StageContext, StageResult

PLANNER = "tests.sweep.planned_stages:plan"


def sweep_config(**changes: Any) -> SweepConfig:
    """A small sweep of three sizes and one seed."""
    values: dict[str, Any] = {
        "name": "planned",
        "question": "Does the engine run?",
        "teacher": {"weights": "random"},
        "student": {"name": "foundry", "supertokens": 1},
        "data": {"name": "shapes"},
        "tasks": ["probe"],
        "axes": {"student.supertokens": [1, 2, 4]},
        "seeds": [0],
        "train": {"distill": {"epochs": 2, "batch": 1}},
        "resources": {"device": "cpu", "concurrent": 2, "threads": 1},
        "baselines": {"teacher": False, "not_distilled": False, "scratch": False},
    }
    return SweepConfig.model_validate({**values, **changes})


def plan(trial: TrialConfig) -> list[Stage]:
    """Tokens, shared by all; a distillation; a probe of it."""
    tokens = Stage("tokens", 1, {"data": trial.data.name}, _tokens)
    supertokens = getattr(trial.student, "supertokens", 0)
    settings = trial.train.distill
    config = {"supertokens": supertokens, "epochs": settings.epochs, "batch": settings.batch}

    def run(context: StageContext) -> StageResult:
        return _distill(context, supertokens, settings.epochs, settings.batch / 1000)

    distill = Stage("distill", 1, config, run, needs={"tokens": tokens}, seed=trial.seed)
    probe = Stage(
        "evaluate", 1, {}, _probe, needs={"backbone": distill}, seed=trial.seed, task="probe"
    )
    return [distill, probe]


def _tokens(context: StageContext) -> StageResult:
    (context.directory / "tokens.txt").write_text("tokens")
    return StageResult()


def _distill(context: StageContext, supertokens: int, epochs: int, epoch_s: float) -> StageResult:
    assert (context.inputs["tokens"] / "tokens.txt").read_text() == "tokens"
    sys.stderr.write(f"distilling to {supertokens}\n")
    history = []
    for epoch in range(1, epochs + 1):
        time.sleep(epoch_s)
        if supertokens == 12:
            os.kill(os.getpid(), signal.SIGKILL)
        if supertokens == 13:
            raise RuntimeError("thirteen")
        if supertokens == 14:
            raise DivergedError(epoch, float("nan"))
        if supertokens == 15:
            raise MemoryError
        history.append({"epoch": float(epoch), "loss": 1 / (epoch + supertokens)})
        left_s = (epochs - epoch) * epoch_s
        context.report(Progress("distill", None, epoch, epochs, history[-1], left_s))
    np.savez(context.directory / "arrays.npz", supertokens=supertokens)
    return StageResult({"distill_loss": history[-1]["loss"]}, history)


def _probe(context: StageContext) -> StageResult:
    with np.load(context.inputs["backbone"] / "arrays.npz") as arrays:
        accuracy = 0.5 + int(arrays["supertokens"]) / 100
    return StageResult({"probe_accuracy": accuracy})
