"""A sweep of 2,000 trials that do nothing: memory of the driver, planning, time per trial.

    python -m benchmarks.scale [--trials 2000] [--slots 2] [--json FILE]

Prints a line of JSON: seconds to expand the sweep file into trials, to plan them, for `--dry-run`,
for the whole sweep, for `status` and for the same call again when all has ended; milliseconds a
trial in the first and in the last tenth of the sweep, which are equal if nothing grows with the
number of trials that ended; the driver's largest memory. Exit code 1 if planning takes 5 s or more,
memory reaches 1.5 GB, or a trial of the last tenth takes twice as long as one of the first.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from benchmarks.bench import write
from benchmarks.planned import PLANNER, call_of
from foundry_bench.store import Store
from foundry_bench.sweep.dry_run import dry_run
from foundry_bench.sweep.execution import run_sweep
from foundry_bench.sweep.group import TRIAL
from foundry_bench.sweep.planning import plan_sweep
from foundry_bench.sweep.status import status

PLANNING_S = 5.0
MEMORY_MIB = 1500
GROWTH = 2.0

T = TypeVar("T")


def main() -> None:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = measure(options.trials, options.slots)
    print(json.dumps(found))  # noqa: T201
    write(options.json, "scale", {"options": vars(options) | {"json": None}, **found}, "wall")
    is_good = (
        found["expand_s"] + found["plan_s"] < PLANNING_S
        and found["driver_mib"] < MEMORY_MIB
        and found["last_tenth_ms"] < GROWTH * found["first_tenth_ms"]
    )
    raise SystemExit(0 if is_good else 1)


def measure(trials: int, slots: int) -> dict[str, Any]:
    """Seconds, milliseconds and MiB, by names as in the module's docstring."""
    console = Console(quiet=True)
    with tempfile.TemporaryDirectory(prefix="scale-") as temporary:
        out = Path(temporary)
        call, expand_s = timed(lambda: call_of(out, trials, 0, slots))
        _, plan_s = timed(lambda: plan_sweep(call.trials, Store(call.store), PLANNER))
        _, dry_run_s = timed(lambda: dry_run(call))
        outcome, sweep_s = timed(lambda: run_sweep(call, console))
        assert (len(outcome.failures), outcome.num_run) == (0, trials)
        ends_s = sorted(path.stat().st_mtime for path in (out / "trials").glob(f"*/{TRIAL}"))
        _, status_s = timed(lambda: status(out))
        _, again_s = timed(lambda: run_sweep(call, console))
    return {
        "expand_s": round(expand_s, 2),
        "plan_s": round(plan_s, 2),
        "dry_run_s": round(dry_run_s, 2),
        "sweep_s": round(sweep_s, 1),
        "is_mirrored": outcome.is_mirrored,
        "first_tenth_ms": round(pace_ms(ends_s[: trials // 10]), 1),
        "last_tenth_ms": round(pace_ms(ends_s[-trials // 10 :]), 1),
        "status_s": round(status_s, 2),
        "again_s": round(again_s, 2),
        "driver_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def pace_ms(ends_s: Sequence[float]) -> float:
    """Milliseconds from one trial's end to the next, in the mean."""
    return 1000 * (ends_s[-1] - ends_s[0]) / (len(ends_s) - 1)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What `work` returns, and its seconds."""
    start = time.perf_counter()
    return work(), time.perf_counter() - start


if __name__ == "__main__":
    main()
