"""The precision that a device trains in where settings leave the choice to it."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

from foundry_bench.config.settings import OptimizerSettings
from foundry_bench.config.sweep import TrialConfig

Precision = Literal["float32", "bfloat16"]

S = TypeVar("S", bound=OptimizerSettings)
QUICK_CAPABILITY = (8, 0)
"""Of the first CUDA devices with matrix units for bfloat16 (Ampere)."""
QUICK_CPUS = ("amx_bf16", "avx512_bf16")
"""Instruction sets that multiply bfloat16."""


def resolve(precision: str, device: str) -> Precision:
    """`precision` itself, or for `auto` bfloat16 where `device` (cpu, cuda) is quick at it."""
    if precision == "auto":
        return "bfloat16" if is_quick(device) else "float32"
    return "bfloat16" if precision == "bfloat16" else "float32"


@cache
def is_quick(device: str) -> bool:
    """Whether `device` (cpu, cuda) of this machine has instructions for bfloat16.

    Where `cuda` means GPUs of other machines, those are taken to have them.
    """
    import torch  # not at the top: a sweep is planned without it, as far as it can be

    if device == "cuda":
        capabilities = map(torch.cuda.get_device_capability, range(torch.cuda.device_count()))
        return all(capability >= QUICK_CAPABILITY for capability in capabilities)
    return any(_has_cpu(name) for name in QUICK_CPUS)


def resolved(trial: TrialConfig) -> TrialConfig:
    """`trial` with the precisions of its device in place of each `auto`."""
    device = trial.device
    distill = in_precision_of(device, trial.train.distill)
    finetune = in_precision_of(device, trial.train.finetune)
    tasks = tuple(
        task.model_copy(update={"finetune": in_precision_of(device, own)})
        if isinstance(own := getattr(task, "finetune", None), OptimizerSettings)
        else task
        for task in trial.tasks
    )
    train = trial.train.model_copy(update={"distill": distill, "finetune": finetune})
    return trial.model_copy(update={"train": train, "tasks": tasks})


def in_precision_of(device: str, schedule: S) -> S:
    """`schedule` with the precision of `device` in place of `auto`."""
    if schedule.precision != "auto":
        return schedule
    return schedule.model_copy(update={"precision": resolve("auto", device)})


def slow_lines(trials: Iterable[TrialConfig]) -> list[str]:
    """A line if some of `trials` train in bfloat16 on a device that is slow at it."""
    for trial in trials:
        tasks = [getattr(task, "finetune", None) for task in trial.tasks]
        schedules = [trial.train.distill, trial.train.finetune, *tasks]
        asked = {getattr(schedule, "precision", None) for schedule in schedules}
        if "bfloat16" in asked and not is_quick(trial.device):
            return [slow_line(trial.device)]
    return []


def slow_line(device: str) -> str:
    """What to do about a forced bfloat16 on a `device` that is slow at it."""
    lacks = "a compute capability of 8 or more" if device == "cuda" else "AMX and AVX512-BF16"
    return (
        f"precision: bfloat16 is slow on this machine's {device}, which lacks {lacks}; "
        "`precision: auto` takes float32 here"
    )


def _has_cpu(name: str) -> bool:
    """Whether this machine's CPU has the instructions `name`."""
    import torch

    # not in every torch that is allowed; Linux's list has the same names
    if hasattr(torch.cpu, "get_capabilities"):
        return bool(torch.cpu.get_capabilities().get(name, False))
    try:
        return name in Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return False
