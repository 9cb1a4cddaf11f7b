"""What a sweep costs beside its stages: (wall x slots - stages) / stages, and where it goes.

    python -m benchmarks.overhead [--trials 15] [--stage-s 20] [--slots 2] [--json FILE]

Each trial is one stage that keeps a core busy for `--stage-s`. Prints a line of JSON: `overhead`
as a sweep prints it, and `parts`, the seconds of its wall clock (medians over workers):

    start    the call -> the first worker process: planning, the folder, Ray
    worker   a worker process -> its first stage: Ray's worker, imports, the trial's plan
    between  the end of a worker's stage -> its next one, all of them together
    tail     the first worker that found nothing more to do -> the end of the last stage: what
             trials that do not divide by the slots cost, whoever runs them
    end      the end of the last stage -> the end of the call: Ray and MLflow

`even` is the overhead without the tail.
"""

import argparse
import json
import tempfile
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from benchmarks.bench import write
from benchmarks.planned import call_of
from foundry_bench.record import Record
from foundry_bench.sweep.execution import Outcome, run_sweep
from foundry_bench.sweep.folder import Folder


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=15)
    parser.add_argument("--stage-s", type=float, default=20.0)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = measure(options.trials, options.stage_s, options.slots)
    print(json.dumps(found))  # noqa: T201
    write(options.json, "overhead", {"options": vars(options) | {"json": None}, **found}, "wall")


def measure(trials: int, stage_s: float, slots: int) -> dict[str, Any]:
    """The overhead of a sweep, and its parts in seconds."""
    with tempfile.TemporaryDirectory(prefix="overhead-") as temporary:
        out = Path(temporary)
        call = call_of(out, trials, round(1000 * stage_s), slots)
        began_s = time.time()
        outcome = run_sweep(call, Console(stderr=True))
        ended_s = time.time()
        folder = Folder(out)
        stages = [stage for trial in outcome.records for stage in folder.stages(trial)]
    assert outcome.overhead is not None
    found = parts(stages, began_s, ended_s)
    return {
        "wall_s": round(outcome.wall_s, 2),
        "overhead": round(outcome.overhead, 4),
        "even": round(without_tail(outcome, stages, found["tail"]), 4),
        "parts": {name: round(seconds, 2) for name, seconds in found.items()},
    }


def parts(stages: list[Record], began_s: float, ended_s: float) -> dict[str, float]:
    """Seconds of each part of the wall clock."""
    workers: dict[float, list[dict[str, float]]] = defaultdict(list)
    for stage in sorted(stages, key=lambda stage: stage.timings["began_s"]):
        workers[stage.timings["process"]].append(dict(stage.timings))
    lines = list(workers.values())
    last_s = [line[-1]["ended_s"] for line in lines]
    gaps = [
        sum(after["began_s"] - before["ended_s"] for before, after in pairwise(line))
        for line in lines
    ]
    return {
        "start": min(line[0]["process_s"] for line in lines) - began_s,
        "worker": median(line[0]["began_s"] - line[0]["process_s"] for line in lines),
        "between": median(gaps),
        "tail": max(last_s) - min(last_s),
        "end": ended_s - max(last_s),
    }


def without_tail(outcome: Outcome, stages: list[Record], tail_s: float) -> float:
    """The overhead, had each slot had something to do until the last stage ended."""
    idle_s = tail_s * (outcome.slots - 1)
    return (outcome.wall_s * outcome.slots - idle_s - outcome.stage_s) / outcome.stage_s


if __name__ == "__main__":
    main()
