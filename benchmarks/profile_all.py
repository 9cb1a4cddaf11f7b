"""What the teacher and its students cost on this machine: all tables of `docs/cost.md`.

    python benchmarks/profile_all.py [--size tiny|small] [--device cpu|cuda] [--steps NAME,NAME]
        [--out runs/profile] [--report reports/profile] [--dry-run]

A list of `foundry-bench profile` commands, one after the other, each with the time it took, then
`foundry-bench report`. The default is for two idle CPU cores: the preset tiny with all students,
and teacher, foundry and light_tokenizer at the preset small. `--size small` is the paper's size,
ViT-S with 64 and 128 patches and batches of 1 and 128, for a machine with a GPU (`--device cuda`)
or with time. Latencies are measured anew in each call, counts and memory once; what a command could
not measure it says, and the next one goes on: some students have no s = 1, or no ONNX.
"""
# ruff: noqa: T201

import argparse
import shlex
import subprocess
import sys
import time
from pathlib import Path

ALL = "--supertokens 1,16 --budgets 16"
SOME = "--student foundry --student light_tokenizer"
LARGE = """\
version: 1
architecture: {name: point_jepa, points: 2048, patches: 128, patch_size: 32, width: 384, depth: 12,
  heads: 6}
"""
"""The teacher of the preset small, with 128 patches."""

Step = tuple[str, str]


def main() -> int:
    """Run and say how long it took; 2 if a command failed altogether."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", choices=("tiny", "small"), default="tiny")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--steps", help="only these, by name: see --dry-run")
    parser.add_argument("--out", type=Path, default=Path("runs/profile"))
    parser.add_argument("--report", type=Path, default=Path("reports/profile"))
    parser.add_argument("--dry-run", action="store_true")
    options = parser.parse_args()
    steps = planned(options.size, options.device, options.out)
    if options.steps:
        steps = [step for step in steps if step[0] in options.steps.split(",")]
    report = f"report {options.out} --out {options.report} --with-records"
    commands = [*((name, f"{words} --out {options.out}") for name, words in steps)]
    if options.dry_run:
        print(*(f"{name:10} foundry-bench {words}" for name, words in commands), sep="\n")
        return 0
    options.out.mkdir(parents=True, exist_ok=True)
    preset_of(options.out).write_text(LARGE)
    start = time.perf_counter()
    codes = [call(name, words) for name, words in (*commands, ("report", report))]
    print(f"all of it: {time.perf_counter() - start:.0f} s", flush=True)
    return 2 if max(codes) > 1 else 0


def planned(size: str, device: str, out: Path) -> list[Step]:
    """Names and commands, in order."""
    if size == "tiny":
        return [
            ("flops", "profile flops"),
            ("flops", f"profile flops --preset small {SOME} --student tome --student narrow"),
            ("latency", f"profile latency {ALL} --ways eager,onnxruntime"),
            (
                "ways",
                "profile latency --student foundry --supertokens 1,16"
                " --ways eager,eager:bf16,compiled,compiled:bf16,onnxruntime,onnxruntime:int8",
            ),
            (
                "small",
                f"profile latency --preset small {SOME} --supertokens 16 --ways eager,onnxruntime",
            ),
            (
                "small",
                f"profile latency --preset small {SOME} --supertokens 16 --batch 32 --rounds 12",
            ),
            (
                "memory",
                f"profile memory --preset small {SOME} --batch 1,32 --ways eager,onnxruntime",
            ),
        ]
    machine = f"--device {device} --batch 1,128"
    others = "cuda_graph,cuda_graph:bf16" if device == "cuda" else "onnxruntime"
    steps: list[Step] = []
    for preset in ("small", str(preset_of(out))):
        steps += [
            ("flops", f"profile flops --preset {preset}"),
            ("latency", f"profile latency --preset {preset} {ALL} {machine}"),
            (
                "ways",
                f"profile latency --preset {preset} --student foundry --supertokens 1,16 {machine}"
                f" --ways eager,eager:bf16,compiled,compiled:bf16,{others}",
            ),
            (
                "memory",
                f"profile memory --preset {preset} {SOME} {machine} --ways eager,eager:bf16",
            ),
        ]
    return steps


def preset_of(out: Path) -> Path:
    """Where the teacher with 128 patches is written."""
    return out / "small_128.yaml"


def call(name: str, words: str) -> int:
    """Run `foundry-bench` with these words; its exit code."""
    print(f"\n== {name}: foundry-bench {words}", flush=True)
    start = time.perf_counter()
    code = subprocess.run([sys.executable, "-m", "foundry_bench", *shlex.split(words)]).returncode
    print(f"== {name}: {time.perf_counter() - start:.0f} s, exit code {code}", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
