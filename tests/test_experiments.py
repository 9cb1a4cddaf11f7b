"""The script that makes the paper's size on a GPU."""

import os
import subprocess
from itertools import pairwise
from pathlib import Path

from foundry_bench.config.load import load_sweep

ROOT = Path(__file__).resolve().parents[1]
STAND_IN = """\
#!/bin/sh
for word in "$@"; do printf '%s\\t' "$word"; done >> "$CALLS"
echo >> "$CALLS"
case "$*" in *pretrain*) echo "weights: /w.safetensors" ;; esac
"""
"""Takes the place of Python: writes down what it is asked, and answers as a pre-training does."""


def test_the_script_for_a_gpu_asks_for_what_there_is(tmp_path: Path) -> None:
    calls = asked(tmp_path, {})
    verbs = [call[2] for call in calls]
    assert verbs == ["teacher", "sweep", "sweep", "sweep", "report"]
    assert calls[0][4].endswith("point_jepa_small_real.yaml")
    sweeps = [load_sweep(Path(call[3]), overrides(call)) for call in calls[1:4]]
    assert [sweep.name for sweep in sweeps] == ["real", "supertokens", "gate"]
    for sweep in sweeps:
        assert (sweep.teacher.preset, sweep.teacher.weights) == ("small", "/w.safetensors")
        assert sweep.resources.device == "cuda"
        assert sweep.train.distill.precision == sweep.train.finetune.precision == "bfloat16"


def test_the_script_can_be_tried_on_a_cpu(tmp_path: Path) -> None:
    _, real, *_ = asked(tmp_path, {"DEVICE": "cpu", "TRAINING": "--set train.distill.epochs=1"})
    sweep = load_sweep(Path(real[3]), overrides(real))
    assert (sweep.resources.device, sweep.resources.gpu) == ("cpu", None)
    assert sweep.train.distill.epochs == 1


def asked(folder: Path, variables: dict[str, str]) -> list[list[str]]:
    """The words of each call that the script makes."""
    python, calls = folder / "python", folder / "calls"
    python.write_text(STAND_IN)
    python.chmod(0o755)
    subprocess.run(
        ["sh", str(ROOT / "experiments" / "small_on_gpu.sh"), "/archives", str(folder / "out")],
        check=True,
        env=os.environ | variables | {"PYTHON": str(python), "CALLS": str(calls)},
    )
    return [line.rstrip("\t").split("\t") for line in calls.read_text().splitlines()]


def overrides(call: list[str]) -> list[str]:
    """What a call sets with `--set`."""
    return [word for flag, word in pairwise(call) if flag == "--set"]
