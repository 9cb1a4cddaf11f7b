"""What K students cost against one, with the teacher's tokens cached and without.

    python benchmarks/sweep_cost.py [--students 1 2 5] [--preset tiny] [--json FILE]

Four ways for the same students, schedule and clouds, timed in turns:

cached        tokens of fixed views are written once, then each student trains on them; a sweep's
              default.
side by side  new views each time, students in turns on the same batches, which the teacher sees
              once.
apart         the same, one student after the other: the teacher sees each batch K times.
own tokens    the same, and each student's tokenizer works beside the teacher's, as in code that
              passes clouds and not embeddings.

Prints seconds, the ratio to one student of the same way, and to `cached` with as many students.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from bench import in_turns, write
from workload import Workload

SIZES = (16, 1, 4, 8, 2, 32)
"""SuperTokens of the students, in the order in which they join."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--students", type=int, nargs="+", default=[1, 2, 5])
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--clouds", type=int, default=512)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", default="wall", choices=["wall", "cpu"])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if not set(options.students) <= set(range(1, len(SIZES) + 1)):
        parser.error(f"--students: 1 to {len(SIZES)}, not {options.students}")
    torch.set_num_threads(options.threads)
    work = Workload(
        options.preset,
        options.clouds,
        options.epochs,
        options.batch,
        options.precision,
        options.device,
    )
    assert len(work.dataset.pool)  # made before the clock runs
    rows = []
    for count in options.students:
        timings = in_turns(
            ways(work, SIZES[:count]), options.rounds, options.clock, work.device, warm_up=1
        )
        rows += [
            {"students": count, "way": way, "seconds": timing.median_s, "n": timing.n}
            for way, timing in timings.items()
        ]
    results = {"options": vars(options) | {"json": None}, "sizes": SIZES, "rows": _compared(rows)}
    for row in results["rows"]:
        print(_line(row), flush=True)  # noqa: T201
    write(options.json, "sweep_cost", results, options.clock)


def ways(work: Workload, sizes: Sequence[int]) -> dict[str, Callable[[], None]]:
    """The four ways to distil students of `sizes`, each from nothing but clouds."""

    def cached() -> None:
        with TemporaryDirectory() as name:
            work.fill_cache(Path(name))
            lessons = work.cached(Path(name))
            for supertokens in sizes:
                work.distill(supertokens, lessons)

    def side_by_side() -> None:
        work.distill_side_by_side(sizes, work.online(on_patches=False))

    def apart() -> None:
        for supertokens in sizes:
            work.distill(supertokens, work.online(on_patches=False))

    def own_tokens() -> None:
        for supertokens in sizes:
            work.distill(supertokens, work.online(on_patches=True))

    return {
        "cached": cached,
        "side by side": side_by_side,
        "apart": apart,
        "own tokens": own_tokens,
    }


def _compared(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """With each row's ratios to one student and to `cached`, where there are those."""
    seconds = {(row["students"], row["way"]): row["seconds"] for row in rows}

    def ratio(row: dict[str, object], students: object, way: object) -> float | None:
        other = seconds.get((students, way))
        return None if other is None else float(row["seconds"]) / float(other)  # type: ignore[arg-type]

    return [
        row
        | {
            "to_one": ratio(row, 1, row["way"]),
            "to_cached": ratio(row, row["students"], "cached"),
        }
        for row in rows
    ]


def _line(row: dict[str, object]) -> str:
    to_one = "" if row["to_one"] is None else f"  {row['to_one']:.2f}x one student"
    return (
        f"{row['students']} students  {row['way']:<12}  {row['seconds']:8.2f} s"
        f"{to_one}  {row['to_cached']:.2f}x cached"
    )


if __name__ == "__main__":
    main()
