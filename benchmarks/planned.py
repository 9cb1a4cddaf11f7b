"""Sweeps of stages that do nothing or keep a core busy: what benchmarks of the engine run.

A worker imports this module by its name, so scripts that use it are started from the root of the
repository as modules: `python -m benchmarks.overhead`.
"""

import os
import time
from importlib import import_module
from pathlib import Path

from foundry_bench.config.sweep import SweepConfig, TrialConfig
from foundry_bench.stage import Stage, StageContext, StageResult
from foundry_bench.sweep.execution import Call
from foundry_bench.sweep.expand import expand
from foundry_bench.sweep.slots import Slots

PLANNER = f"{__name__}:plan"


def call_of(out: Path, trials: int, busy_ms: int, slots: int) -> Call:
    """A call of a sweep of `trials` trials with one stage each that keeps a core busy."""
    sweep = SweepConfig.model_validate(
        {
            "name": "planned",
            "question": "What does the engine cost?",
            "teacher": {"weights": "random"},
            "student": {"name": "foundry", "supertokens": 1},
            "data": {"name": "shapes"},
            "tasks": ["probe"],
            "axes": {"train.distill.epochs": [busy_ms + 1]},
            "seeds": list(range(trials)),
            "resources": {"device": "cpu", "concurrent": slots, "threads": 1},
            "baselines": {"teacher": False, "not_distilled": False, "scratch": False},
        }
    )
    return Call(sweep, expand(sweep, slots, 0), out, out / "store", Slots(slots), planner=PLANNER)


def plan(trial: TrialConfig) -> list[Stage]:
    """One stage; imported is what real trials need."""
    import_module("foundry_bench.trial")
    busy_s = (trial.train.distill.epochs - 1) / 1000

    def run(context: StageContext) -> StageResult:
        began_s = time.time()
        while time.time() - began_s < busy_s:
            sum(range(10_000))
        timings = {
            "process": os.getpid(),
            "process_s": process_began_s(),
            "began_s": began_s,
            "ended_s": time.time(),
        }
        return StageResult({"probe_accuracy": 0.5}, timings=timings)

    return [Stage("evaluate", 1, {"busy_s": busy_s}, run, seed=trial.seed, task="probe")]


def process_began_s() -> float:
    """When this process was started, as `time.time()` would have said it."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    up_s = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - up_s + ticks / os.sysconf("SC_CLK_TCK")
