"""Two calls of `foundry-bench sweep` at the same time on one store."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from foundry_bench.config.load import dump_yaml
from foundry_bench.sweep.folder import Folder, read_mapping
from tests.cli.test_sweep import ROOT, SWEEP
from tests.sweep.planned_stages import sweep_config


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_sweeps_share_the_stages_that_both_want(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    sizes = {"first": [1, 2, 4], "second": [4, 2, 8]}
    calls = []
    for name, supertokens in sizes.items():
        sweep = sweep_config(
            name=name,
            axes={"student.supertokens": supertokens},
            train={"distill": {"epochs": 2, "batch": 1000}},
        )
        file = tmp_path / f"{name}.yaml"
        file.write_text(dump_yaml(sweep))
        words = ["sweep", str(file), "--out", str(tmp_path / name)]
        words += ["--store", str(tmp_path / "store")]
        calls.append(
            subprocess.Popen(
                [sys.executable, "-c", SWEEP, *words],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    outputs = [call.communicate(timeout=600)[0] for call in calls]
    assert [call.returncode for call in calls] == [0, 0], outputs

    logs = [log.read_text() for log in tmp_path.glob("*/trials/*/log.txt")]
    said = [line for log in logs for line in log.splitlines() if line.startswith("distilling")]
    assert sorted(said) == [f"distilling to {size}" for size in (1, 2, 4, 8)]
    wall_s = {}
    for name, supertokens in sizes.items():
        folder = Folder(tmp_path / name)
        trials = [trial for one in folder.identities() if (trial := folder.trial(one))]
        assert [trial.status for trial in trials] == ["done"] * len(supertokens)
        for stage in (stage for trial in trials for stage in folder.stages(trial)):
            assert wall_s.setdefault(stage.key, stage.timings["wall_s"]) == stage.timings["wall_s"]
    assert len(wall_s) == 1 + 2 * 4, "tokens, and two stages a size"
    spent_s = sum(read_mapping(tmp_path / name / "sweep.json")["stage_s"] for name in sizes)
    assert spent_s == pytest.approx(sum(wall_s.values()))
