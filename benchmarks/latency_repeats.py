"""Whether a latency can be had twice: two calls of `profile latency`, ratio by ratio.

    python benchmarks/latency_repeats.py [--preset tiny] [--student foundry ...]
        [--supertokens 1,16] [--batch 1] [--ways eager] [--rounds 30] [--threads N] [--within 0.1]

Prints each student's ratio to the teacher in both calls and how far they are apart, the worst last;
exit code 1 if that is more than `--within`. For an idle machine.
"""
# ruff: noqa: T201

import argparse
import json
import subprocess
import sys
from typing import Any

Key = tuple[Any, ...]


def main() -> int:
    """Measure twice and compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--student", action="append")
    parser.add_argument("--supertokens", default="1,16")
    parser.add_argument("--batch", default="1")
    parser.add_argument("--ways", default="eager")
    parser.add_argument("--rounds", default="30")
    parser.add_argument("--threads")
    parser.add_argument("--within", type=float, default=0.1)
    options = parser.parse_args()
    words = [f"--preset={options.preset}", f"--supertokens={options.supertokens}"]
    words += [f"--batch={options.batch}", f"--ways={options.ways}", f"--rounds={options.rounds}"]
    words += ["--budgets=16", *([f"--threads={options.threads}"] if options.threads else [])]
    words += [f"--student={name}" for name in options.student or ()]
    first, second = ratios(words), ratios(words)
    worst = max(apart(first[key], second[key]) for key in first)
    print("| model | batch | way | first | second | apart |\n|---|---|---|---|---|---|")
    for key in sorted(first, key=lambda key: apart(first[key], second[key])):
        name, supertokens, budget, batch, way = key
        sizes = [f"s={supertokens}"] if supertokens else []
        sizes += [f"budget={budget}"] if budget else []
        numbers = f"{first[key]:.3f} | {second[key]:.3f} | {apart(first[key], second[key]):.1%}"
        print(f"| {' '.join([name, *sizes])} | {batch} | {way} | {numbers} |")
    print(f"\nworst: {worst:.1%}, expected at most {options.within:.0%}")
    return int(worst > options.within)


def ratios(words: list[str]) -> dict[Key, float]:
    """Of each student to the teacher, from one call."""
    command = [sys.executable, "-m", "foundry_bench", "profile", "latency", "--json", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    rows = json.loads(done.stdout)
    return {
        (
            row["student"],
            row["supertokens"],
            row["budget"],
            row["batch"],
            f"{row['mode']} {row['precision']}",
        ): row["metrics"]["ratio_to_teacher"]
        for row in rows
        if row["student"] != "teacher"
    }


def apart(one: float, other: float) -> float:
    """How far two ratios are apart, relative to their mean."""
    return abs(one - other) / ((one + other) / 2)


if __name__ == "__main__":
    sys.exit(main())
