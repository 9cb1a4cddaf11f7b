"""How long `foundry-bench report` takes over many records.

    python benchmarks/report_speed.py [--records 1000] [--sweep supertokens] [--repeats 3]

The records of a sweep of the gallery are copied under further seeds, with numbers a little off,
until there are so many records of stages. Without `--sweep` those of all sweeps of the gallery are,
which gives one page with a section a sweep. Prints a line of JSON: records, trials, sweeps,
figures, the seconds of the whole command, Python's start included (all of `--repeats` and their
median), and the seconds of CPU of one call on average, which tell more on a machine that does other
things too.
"""

import argparse
import hashlib
import json
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from foundry_bench.record import Record, TrialRecord, read_json, write_json

GALLERY = Path(__file__).parents[1] / "reports" / "gallery"
SWEEPS = sorted(path.parents[1] for path in GALLERY.glob("*/records/sweep.json"))
SEEDS_BETWEEN = 1000
SPREAD = 0.01


def main() -> None:
    """Copy, time and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--sweep", choices=[path.name for path in SWEEPS])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    sources = [GALLERY / options.sweep] if options.sweep else SWEEPS
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        count = copy_records([path / "records" for path in sources], runs, options.records)
        seconds = [time_report(runs, Path(folder) / "report") for _ in range(options.repeats)]
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        said = {
            "records": count,
            "trials": len(list(runs.rglob("trial.json"))),
            "sweeps": len(sources),
            "figures": len(list((Path(folder) / "report").rglob("*.svg"))),
            "seconds": [round(each, 2) for each in seconds],
            "median_s": round(statistics.median(seconds), 2),
            "cpu_s": round((used.ru_utime + used.ru_stime) / options.repeats, 2),
        }
    print(json.dumps(said))  # noqa: T201


def time_report(runs: Path, out: Path) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "foundry_bench", "report", str(runs), "--out", str(out)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def copy_records(sources: list[Path], runs: Path, wanted: int) -> int:
    """Copy trials of each source in turn, with their stages, until `wanted` stages are there."""
    for source in sources:
        (runs / source.parent.name).mkdir(parents=True)
        for name in ("sweep.json", "sweep.yaml"):
            shutil.copyfile(source / name, runs / source.parent.name / name)
    count = 0
    for trial, source, copy in _trials_in_turn(sources):
        if count >= wanted:
            break
        count += _copy_trial(trial, source, runs / source.parent.name, copy)
    return count


def _trials_in_turn(sources: list[Path]) -> Iterator[tuple[TrialRecord, Path, int]]:
    copy = 0
    while True:
        for source in sources:
            for path in sorted(source.glob("trials/*/trial.json")):
                yield read_json(path, TrialRecord), source, copy
        copy += 1


def _copy_trial(trial: TrialRecord, source: Path, out: Path, copy: int) -> int:
    """One trial under a further seed, with the stages that are not there yet; their number."""
    count = 0
    stages = []
    for use in trial.stages:
        key = hashlib.sha256(f"{use.key}{copy}".encode()).hexdigest() if copy else use.key
        stages.append(use.model_copy(update={"key": key}))
        folder = out / "stages" / key
        if folder.exists():
            continue
        record = read_json(source / "stages" / use.key / "record.json", Record)
        noise = random.Random(key)
        changes = {
            "key": key,
            "seed": None if record.seed is None else record.seed + SEEDS_BETWEEN * copy,
            "metrics": {
                name: value * (1 + SPREAD * noise.gauss(0, 1)) if copy else value
                for name, value in record.metrics.items()
            },
        }
        write_json(folder / "record.json", record.model_copy(update=changes))
        arrays = source / "stages" / use.key / "arrays.npz"
        if arrays.is_file():
            shutil.copyfile(arrays, folder / "arrays.npz")
        count += 1
    seed = trial.seed + SEEDS_BETWEEN * copy
    name = f"{trial.trial}-copy{copy}" if copy else trial.trial
    changes = {"trial": name, "seed": seed, "stages": stages}
    write_json(out / "trials" / name / "trial.json", trial.model_copy(update=changes))
    return count


if __name__ == "__main__":
    main()
