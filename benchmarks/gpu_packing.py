"""What packing several trials on a GPU brings: one sweep at 1, 2, 3 … trials per GPU, and `auto`.

    python benchmarks/gpu_packing.py sweeps/supertokens.yaml --set train.distill.epochs=3 \
        --most 6 --out /tmp/packing

Each setting runs the whole sweep in a folder of its own, teacher and stages anew, so that nothing
is found in a store; take a sweep of at least two trials for each of the most that share a GPU. A
line a setting: wall seconds, speed against one trial a GPU, retries for want of memory, and for
`auto` what was measured and chosen. `--device cpu` tries the same on CPU, where a setting is the
number of trials at a time and `auto` the default.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from foundry_bench.sweep.packing import Usage, groups_per_gpu


def main() -> None:
    """Run all settings and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweep")
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--most", type=int, default=4, help="trials that share a GPU, at most")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    field = "resources.gpu" if given.device == "cuda" else "resources.concurrent"
    settings = [*map(str, range(1, given.most + 1)), "auto"]
    found = []
    for setting in settings:
        # Threads decide speed too: the same for all, as `auto` divides the cores.
        overrides = [f"{field}={setting}", f"resources.device={given.device}"]
        overrides += ["resources.threads=1", *given.overrides]
        found.append({"setting": setting} | run(given.sweep, overrides, given.out / setting))
        line = found[-1] | {"speed": round(found[0]["wall_s"] / found[-1]["wall_s"], 2)}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    (given.out / "packing.json").write_text(json.dumps(found, indent=1) + "\n")


def run(sweep: str, overrides: list[str], out: Path) -> dict[str, Any]:
    """Run the sweep in the new folder `out`; what it took."""
    if out.exists():
        raise SystemExit(f"{out} is there already: what it holds would not run again")
    words = [sys.executable, "-m", "foundry_bench", "sweep", sweep, "--out", str(out)]
    words += [word for override in overrides for word in ("--set", override)]
    start = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True)
    wall_s = time.perf_counter() - start
    if done.returncode not in (0, 1):
        raise SystemExit(done.stdout + done.stderr)
    saved = json.loads((out / "sweep.json").read_text())
    records = [json.loads(path.read_text()) for path in out.glob("trials/*/trial.json")]
    line = {
        "wall_s": round(wall_s, 1),
        "slots": saved["slots"],
        "done": sum(record["status"] == "done" for record in records),
        "failed": saved["failed"],
        "retried": sum(bool(record["earlier"]) for record in records),
    }
    if usage := saved.get("usage"):
        line |= {"usage": usage, "chosen": groups_per_gpu(Usage(**usage))}
    return line


if __name__ == "__main__":
    main()
