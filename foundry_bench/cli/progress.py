"""Lines of progress for one stage at a time."""

from rich.console import Console

from foundry_bench.stage import Progress, Report


def stage_lines() -> Report:
    """A `Report` that prints a line per epoch: stage, epoch, numbers, time left."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)

    def report(progress: Progress) -> None:
        if not progress.epochs:
            return
        what = f"{progress.stage} {progress.task or ''}".strip()
        shown = (
            f"{name} {value:.4g}" for name, value in progress.metrics.items() if name != "epoch"
        )
        left = "" if progress.left_s is None else f"{progress.left_s / 60:.1f} min left"
        console.print(f"{what}  {progress.epoch}/{progress.epochs}", *shown, left, sep="  ")

    return report
