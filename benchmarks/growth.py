"""How the cost of a distillation step grows with s, c, d, and that of a training with the clouds.

    python benchmarks/growth.py [--threads 1] [--rounds 10] [--json FILE]

One thing is varied at a time around the preset `tiny` (s = 16 SuperTokens of c = 32 patches, width
d = 96), weights random. Prints milliseconds a cloud of a step, on cached tokens and on new views,
and seconds of whole trainings. What K students cost is for `sweep_cost.py` to say.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from bench import Clock, in_turns, write
from throughput import step_of
from workload import Workload

from foundry_bench.training.distill import Distillation

USUAL = {"s": 16, "c": 32, "d": 96}
VARIED = {"s": (1, 2, 4, 8, 16, 32), "c": (16, 32, 64), "d": (48, 96, 192)}
CLOUDS = (128, 256, 512)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", default="wall", choices=["wall", "cpu"])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    for name, values in VARIED.items():
        for value in values:
            sizes = USUAL | {name: value}
            rows.append(
                {"varied": name, "value": value}
                | steps(sizes, options.batch, options.device, options.rounds, options.clock)
            )
            print(rows[-1], flush=True)  # noqa: T201
    for clouds in CLOUDS:
        work = _workload(USUAL, clouds, options.batch, options.device)
        rows.append({"varied": "clouds", "value": clouds} | trainings(work, options.clock))
        print(rows[-1], flush=True)  # noqa: T201
    results = {"options": vars(options) | {"json": None}, "usual": USUAL, "rows": rows}
    write(options.json, "growth", results, options.clock)


def steps(
    sizes: dict[str, int], batch: int, on: str, rounds: int, clock: Clock
) -> dict[str, float]:
    """Milliseconds a cloud of a step, on cached tokens and on new views."""
    work = _workload(sizes, batch, batch, on)
    settings, rows_B = work.settings(), torch.arange(batch)
    with TemporaryDirectory() as name:
        work.fill_cache(Path(name))
        lessons = {
            "cached": work.cached(Path(name)),
            "online": work.online(on_patches=False),
        }
        works = {
            way: step_of(
                Distillation(work.student(sizes["s"], settings), given, settings), settings, rows_B
            )
            for way, given in lessons.items()
        }
        timings = in_turns(works, rounds, clock, work.device, warm_up=2)
    return {f"{way}_ms": 1000 * timing.median_s / batch for way, timing in timings.items()}


def trainings(work: Workload, clock: Clock) -> dict[str, float]:
    """Seconds of filling the cache, and of whole trainings on it and on new views."""
    with TemporaryDirectory() as name:
        folders = iter(Path(name) / str(number) for number in range(100))
        filled: list[Path] = []

        def fill() -> None:
            filled.append(next(folders))
            filled[-1].mkdir()
            work.fill_cache(filled[-1])

        works: dict[str, Any] = {
            "fill": fill,
            "cached": lambda: work.distill(USUAL["s"], work.cached(filled[-1])),
            "online": lambda: work.distill(USUAL["s"], work.online(on_patches=False)),
        }
        timings = in_turns(works, 3, clock, work.device)
    return {f"{way}_s": timing.median_s for way, timing in timings.items()}


def _workload(sizes: dict[str, int], clouds: int, batch: int, on: str) -> Workload:
    changes = (("patches", sizes["c"]), ("width", sizes["d"]))
    return Workload("tiny", clouds, 2, batch, on=on, changes=changes)


if __name__ == "__main__":
    main()
