"""What the tests of training share: a place to run in, and an interruption."""

import shutil
from pathlib import Path
from typing import Any

from foundry_bench.config.settings import OptimizerSettings
from foundry_bench.record import StageKind
from foundry_bench.stage import Progress, StageContext
from foundry_bench.training.loop import Objective, Progressing, fit

History = list[dict[str, float]]


class InterruptedByTest(Exception):
    """Stands for Ctrl-C, a power cut or a full machine."""


def progressing(
    folder: Path, epochs: int, *, stop_after: int | None = None, kind: StageKind = "distill"
) -> Progressing:
    """Reports to nobody; interrupts after the epoch `stop_after`."""

    def report(progress: Progress) -> None:
        if progress.epoch == stop_after:
            raise InterruptedByTest

    return Progressing(StageContext(folder, folder, {}, report), kind, None, epochs)


def train(
    objective: Objective[Any],
    settings: OptimizerSettings,
    folder: Path,
    *,
    seed: int = 0,
    stop_after: int | None = None,
) -> History:
    """The history of training `objective` in `folder`, which is then empty, as after a stage."""
    report = progressing(folder, settings.epochs, stop_after=stop_after)
    history = fit(objective, settings, seed=seed, directory=folder, report=report)
    forget(folder)
    return history


def forget(folder: Path) -> None:
    """Remove what a training left in `folder`, as the store does when a stage ends."""
    shutil.rmtree(folder)
    folder.mkdir()


def losses(history: History) -> list[float]:
    return [line["loss"] for line in history]
