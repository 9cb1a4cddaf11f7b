"""Kills a sweep at random moments, calls it again, and compares with one that nobody disturbed.

    python -m benchmarks.kill_sweep [--moments 20] [--kinds driver,worker,group] [--seed S]
        [--json FILE]

Runs a small sweep of real stages once in peace, then `--moments` times for each kind of kill: -9
to the driver, to one worker, or to all that the command started. The same command follows at once
(with `--retry failed`, since the death of a worker is recorded as a failure), until it ends with 0.
Then

    numbers  metrics and histories of all records equal those of the undisturbed sweep, bitwise
             (but for how long things took)
    once     no stage ran twice: one that was in the store at the kill is there untouched, and an
             epoch that was in a checkpoint then stands in the final record with the very seconds
             that it took
    mlflow   the database shows each trial once, as finished
    nobody   of the killed call's processes none is left soon after the last call has ended

Prints a line for each moment with the time left, and at the end one line of JSON. Moments are
shares of the undisturbed sweep's time, drawn from the seed, which is printed: give it with --seed
to meet the same moments again. Exit code 1 if anything differed; its folder is then kept.

FILE is written after each moment. Called again with it, the script goes on until FILE has
`--moments` of each kind, from wherever it was interrupted.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.bench import write
from foundry_bench.provenance import commit

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("driver", "worker", "group")
TIMED = ("wall_s", "clouds_per_s")
"""Columns of a history that say how long things took."""
MARK = "FOUNDRY_KILL_SWEEP"
"""Variable that tells the processes of a call, wherever they went, from all others."""
PATIENCE_S = 20.0
"""How long what is left of a killed call may take to notice."""
MAX_CALLS = 4
EARLIER = 0.8
"""A sweep that ended before its moment had come is repeated, to be killed at this share of it."""
SWEEP = """\
name: kill
question: Do records survive kill -9?
teacher: {name: point_jepa, preset: tiny}
student: {name: foundry, supertokens: 4}
data: {name: shapes, train: 96, unlabelled: 96, test: 80}
tasks: [classification, probe]
axes: {student.supertokens: [2, 8]}
seeds: [0, 1]
baselines: {teacher: false, not_distilled: false, scratch: false}
train:
  views: {count: 1}
  distill: {epochs: 4, batch: 16}
  finetune: {epochs: 4, batch: 16}
resources: {device: cpu, concurrent: 2, threads: 1}
"""


@dataclass
class Disturbed:
    """A sweep that was killed once and called again.

    Attributes:
        at_s: seconds from the start of the call to the kill.
        calls: how often the sweep was called again.
        wall_s: seconds of all calls together.
        faults: what differed from the undisturbed sweep, in words.
    """

    kind: str
    at_s: float
    calls: int = 0
    wall_s: float = 0.0
    faults: list[str] = field(default_factory=list)


class Called:
    """A running call of the sweep with output folder `out`; `words` go at the end."""

    def __init__(self, out: Path, mark: str, *words: str) -> None:
        out.parent.mkdir(parents=True, exist_ok=True)
        self._mark = mark
        self.log = out.with_name(f"{out.name}-{mark.rpartition('-')[2]}.log")
        environment = {**os.environ, MARK: mark, "TMPDIR": str(out.parents[1])}
        environment.pop("MLFLOW_TRACKING_URI", None)
        environment["PYTHONPATH"] = str(ROOT)
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "foundry_bench", "sweep"),
                    *(str(out.parents[1] / "sweep.yaml"), "--out", str(out), *words),
                ],
                cwd=out.parent,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def processes(self) -> list[int]:
        """All that the call started and that lives, itself included."""
        wanted, found = f"{MARK}={self._mark}".encode(), []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if wanted in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
            except OSError:
                continue
        return sorted(found)

    def workers(self) -> list[int]:
        """Ray's workers among `processes`, those that are starting too."""
        return [pid for pid in self.processes() if is_worker(pid)]

    def kill(self, kind: str) -> bool:
        """Send SIGKILL to what `kind` says, and return whether the call was at work; a worker is
        waited for, as long as it is.
        """
        if self.process.poll() is not None:
            return False
        if kind == "driver":
            self.process.kill()
        elif kind == "group":
            for pid in self.processes():
                kill(pid)
        else:
            while self.process.poll() is None and not (workers := self.workers()):
                time.sleep(0.02)
            if self.process.poll() is not None:
                return False
            kill(random.choice(workers))
        return True


def main() -> None:
    """Undisturbed, disturbed, compared, printed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=20, help="of each kind")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    earlier = read_rows(options.json)

    def keep(found: dict[str, Any]) -> None:
        rows = {"options": vars(options) | {"json": None}, **found}
        write(options.json, "kill_sweep", {**rows, "rows": [*earlier, *found["rows"]]}, "wall")

    todo = left_to_do(options.kinds.split(","), options.moments, earlier)
    if not todo:
        raise SystemExit(f"{options.json} has these moments already")
    found = measure(todo, options.seed, say, keep)
    print(json.dumps(found))  # noqa: T201
    raise SystemExit(1 if any(row["faults"] for row in found["rows"]) else 0)


def read_rows(path: Path | None) -> list[dict[str, Any]]:
    """The moments of an earlier call with the same file; none without one."""
    if path is None or not path.exists():
        return []
    document = json.loads(path.read_text())
    if document["commit"] != commit():
        raise SystemExit(f"{path} is of commit {document['commit']}: give another file")
    rows: list[dict[str, Any]] = document["results"]["rows"]
    return rows


def left_to_do(
    kinds: Sequence[str], moments: int, earlier: Sequence[Mapping[str, Any]]
) -> list[str]:
    """The kinds of the kills that lack, in turns."""
    had = Counter(row["kind"] for row in earlier)
    return [kind for number in range(moments) for kind in kinds if number >= had[kind]]


def measure(
    todo: Sequence[str],
    seed: int,
    tell: Callable[[str], None],
    keep: Callable[[dict[str, Any]], None] = lambda found: None,
) -> dict[str, Any]:
    """A kill of each kind in `todo`; `keep` gets what is known after each of them.

    Returns:
        `seed`, `sweep_s` (undisturbed) and `rows`, each with the fields of `Disturbed`.
    """
    random.seed(seed)
    root = Path(tempfile.mkdtemp(prefix="kill-", dir="/tmp"))
    (root / "sweep.yaml").write_text(SWEEP)
    tell(f"seed {seed}; {root}")
    peace_s, worker_s = undisturbed(root / "peace" / "out")
    tell(f"undisturbed: {peace_s:.1f} s, the first worker after {worker_s:.1f} s")
    start = time.monotonic()
    found: dict[str, Any] = {"seed": seed, "sweep_s": round(peace_s, 1), "rows": []}
    for count, kind in enumerate(todo, start=1):
        earliest_s = worker_s if kind == "worker" else 0.0
        moment_s = earliest_s + random.random() * (peace_s - earliest_s)
        folder = root / f"{kind}-{count}"
        while (one := disturb(folder / "out", kind, moment_s, root / "peace" / "out")) is None:
            moment_s *= EARLIER
            shutil.rmtree(folder)
        found["rows"].append(asdict(one))
        keep(found)
        if not one.faults:
            shutil.rmtree(folder)
        left_s = (time.monotonic() - start) / count * (len(todo) - count)
        ended = "equal" if not one.faults else f"{'; '.join(one.faults)} ({folder})"
        tell(
            f"{count}/{len(todo)} {kind} killed at {one.at_s:.1f} s, {one.calls} more calls, "
            f"{one.wall_s:.1f} s in all: {ended}; {left_s / 60:.0f} min left"
        )
    if not any(row["faults"] for row in found["rows"]):
        shutil.rmtree(root)
    return found


def undisturbed(out: Path) -> tuple[float, float]:
    """Seconds of a sweep in peace, and seconds to its first worker."""
    start, worker_s = time.monotonic(), None
    called = Called(out, mark_of(out, 0))
    while called.process.poll() is None:
        if worker_s is None and called.workers():
            worker_s = time.monotonic() - start
        time.sleep(0.05)
    if called.process.returncode != 0:
        raise SystemExit(f"the undisturbed sweep failed:\n{called.log.read_text()}")
    assert worker_s is not None
    return time.monotonic() - start, worker_s


def disturb(out: Path, kind: str, moment_s: float, peace: Path) -> Disturbed | None:
    """A sweep that is killed after `moment_s`, called until it ends, and compared with `peace`;
    None if it ended before.
    """
    start = time.monotonic()
    victim = Called(out, mark_of(out, 0))
    while time.monotonic() - start < moment_s and victim.process.poll() is None:
        time.sleep(0.005)
    if not victim.kill(kind):
        return None
    one = Disturbed(kind, time.monotonic() - start)
    before = Kept(out)
    code = victim.process.wait()
    while code != 0 and one.calls < MAX_CALLS:
        one.calls += 1
        again = Called(out, mark_of(out, one.calls), "--retry", "failed")
        code = again.process.wait()
    one.wall_s = time.monotonic() - start
    if code != 0:
        one.faults.append(f"the last call ended with {code}")
        return one
    one.faults += different(numbers(peace), numbers(out)) + before.changed(out) + mirrored(out)
    one.faults += left_over(victim)
    return one


class Kept:
    """What a sweep had finished at some moment: stages in the store, epochs in checkpoints."""

    def __init__(self, out: Path) -> None:
        ended = (out / "store" / "partial").glob("*/record.json")  # and were not moved yet
        self.stages: dict[str, tuple[int, int, bytes]] = {}
        for path in [*ended, *records(out / "store")]:
            with suppress(FileNotFoundError):
                self.stages[path.parent.name] = stamp(path)
        self.epochs: dict[str, list[dict[str, float]]] = {}
        for path in (out / "store" / "partial").glob("*/scratch/checkpoint.pt"):
            if history := history_of(path):
                self.epochs[path.parents[1].name] = history

    def changed(self, out: Path) -> list[str]:
        """What of it ran again until now."""
        now = {path.parent.name: path for path in records(out / "store")}
        faults = [
            f"stage {key[:8]} ran again"
            for key, stamped in self.stages.items()
            if key not in now or stamp(now[key]) != stamped
        ]
        for key, epochs in self.epochs.items():
            final = json.loads(now[key].read_text())["history"][: len(epochs)]
            again = sum(one != other for one, other in zip(epochs, final, strict=True))
            faults += [f"{again} of {len(epochs)} epochs of {key[:8]} ran again"] if again else []
        return faults


def history_of(checkpoint: Path) -> list[dict[str, float]]:
    """The epochs of a checkpoint; none if it went away meanwhile."""
    import torch

    try:
        history: list[dict[str, float]] = torch.load(checkpoint, weights_only=True)["history"]
    except FileNotFoundError:
        return []
    return history


def numbers(out: Path) -> dict[str, Any]:
    """All that must be equal: how trials ended, and each stage's metrics and history."""
    trials = {
        path.parent.name: (found["status"], [use["key"] for use in found["stages"]])
        for path in sorted((out / "trials").glob("*/trial.json"))
        if (found := json.loads(path.read_text()))
    }
    stages = {}
    for place in (out, out / "store"):
        for path in records(place):
            found = json.loads(path.read_text())
            history = [
                {name: value for name, value in epoch.items() if name not in TIMED}
                for epoch in found["history"]
            ]
            stages[f"{path.parent.name} in {place.name}"] = (found["metrics"], history)
    return {**trials, **stages}


def different(peace: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """The names that are not the same in both."""
    names = sorted(peace.keys() | found.keys())
    return [f"{name} differs" for name in names if peace.get(name) != found.get(name)]


def mirrored(out: Path) -> list[str]:
    """What is wrong with the runs in MLflow's database: one, finished, for each trial."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from foundry_bench.tracking import connect

        client = connect(f"sqlite:///{out / 'mlflow.db'}")
        (experiment,) = [one for one in client.search_experiments() if one.name == "kill"]
        runs = client.search_runs([experiment.experiment_id], max_results=1000)
    kinds = [run.data.tags.get("kind") for run in runs]
    shown = sorted(run.data.tags["trial_id"] for run in runs if run.data.tags["kind"] == "trial")
    wanted = sorted(path.parent.name for path in (out / "trials").glob("*/trial.json"))
    faults = [] if shown == wanted else [f"MLflow shows {shown}"]
    faults += [] if kinds.count("sweep") == 1 else [f"MLflow has {kinds.count('sweep')} sweeps"]
    ended = {run.info.status for run in runs}
    return faults + ([] if ended == {"FINISHED"} else [f"MLflow's runs are {sorted(ended)}"])


def left_over(victim: Called) -> list[str]:
    """Processes of the killed call that do not go away; they are ended here."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := victim.processes()) and time.monotonic() < deadline:
        time.sleep(0.2)
    words = [f"process {pid} is left: {command_of(pid)}" for pid in found]
    for pid in found:
        kill(pid)
    return words


def records(place: Path) -> list[Path]:
    """Records of finished stages below `place`."""
    return sorted((place / "stages").glob("*/record.json"))


def stamp(path: Path) -> tuple[int, int, bytes]:
    """What changes when a file is written again."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, path.read_bytes()


def mark_of(out: Path, call: int) -> str:
    """A value of `MARK` for one call."""
    return f"{out.parent}-{call}"


def is_worker(pid: int) -> bool:
    """Whether a process is one of Ray's workers."""
    words = command_of(pid)
    return "default_worker.py" in words or words.startswith(("ray::Resource", "ray::IDLE"))


def command_of(pid: int) -> str:
    """A process's command line, empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def kill(pid: int) -> None:
    """Send SIGKILL, if there is somebody."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def say(line: str) -> None:
    """Print at once."""
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
