import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from foundry_bench import results
from foundry_bench.errors import FoundryError
from foundry_bench.record import TrialRecord
from tests.report.examples import ExampleSweep
from tests.results.gallery import GALLERY


def small_sweep(out: Path, accuracy: float = 0.5, name: str = "example") -> Path:
    sweep = ExampleSweep(out, name)
    for seed in range(3):
        sweep.trial("baseline", "teacher", seed, 0.9 + seed / 100)
        sweep.trial("main", "foundry", seed, accuracy + seed / 50, supertokens=4, loss=0.2)
    return out


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, foundry_bench.results; "
        "print([name for name in ('torch', 'ray', 'mlflow', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_run_a_report_and_a_folder_of_reports_are_read(tmp_path: Path) -> None:
    run = small_sweep(tmp_path / "all" / "run")
    small_sweep(tmp_path / "all" / "report" / "records", name="other")

    assert results.read(run).names == ["example"]
    assert results.read(tmp_path / "all").names == ["example", "other"]
    assert results.read(GALLERY / "supertokens", GALLERY / "real").names == ["real", "supertokens"]


def test_copies_of_mlflow_are_not_read(tmp_path: Path) -> None:
    run = small_sweep(tmp_path / "run")
    copy = run / "mlartifacts" / "1" / "artifacts" / "trials"
    shutil.copytree(run / "trials", copy)
    loose = run / "copies" / "trial.json"
    loose.parent.mkdir()
    shutil.copy(next(run.glob("trials/*/trial.json")), loose)
    for path in copy.glob("*/trial.json"):
        path.write_text(path.read_text().replace('"done"', '"failed"'))

    found = results.read(run)

    assert {trial.status for trial in found.trials} == {"done"}
    assert found.notes == ()


@pytest.mark.parametrize("newer", ["a", "b"])
def test_of_two_records_of_a_trial_the_newer_counts(tmp_path: Path, newer: str) -> None:
    for name, status in (("a", "done"), ("b", "failed")):
        out = small_sweep(tmp_path / name)
        path = out / "trials" / "foundry-s4-seed0" / "trial.json"
        trial = TrialRecord.model_validate_json(path.read_text())
        path.write_text(trial.model_copy(update={"status": status}).model_dump_json())
        time = 2000 if name == newer else 1000
        os.utime(path, (time, time))

    frame = results.load(tmp_path / "a", tmp_path / "b")

    status = frame[frame.trial == "foundry-s4-seed0"].status.unique().tolist()
    assert status == ["done" if newer == "a" else "failed"]
    (note,) = frame.attrs["notes"]
    older = "b" if newer == "a" else "a"
    assert f"the older, in {older}/trials/foundry-s4-seed0" in note


def test_the_end_that_a_record_names_counts_before_its_files_time(tmp_path: Path) -> None:
    for name, minute in (("a", 2), ("b", 1)):
        out = small_sweep(tmp_path / name)
        path = out / "trials" / "foundry-s4-seed0" / "trial.json"
        trial = TrialRecord.model_validate_json(path.read_text())
        changes = {"seed": minute, "finished_at": f"2026-01-01T00:0{minute}:00+00:00"}
        path.write_text(trial.model_copy(update=changes).model_dump_json())
    os.utime(tmp_path / "a" / "trials" / "foundry-s4-seed0" / "trial.json", (0, 0))

    found = results.read(tmp_path / "a", tmp_path / "b")

    assert [t.seed for t in found.trials if t.trial == "foundry-s4-seed0"] == [2]


def test_what_is_missing_or_cut_short_is_noted(tmp_path: Path) -> None:
    run = small_sweep(tmp_path / "run")
    (run / "stages" / "tune-foundry-s4-seed1" / "record.json").unlink()
    (run / "trials" / "foundry-s4-seed2" / "trial.json").write_text("{")
    pending = run / "trials" / "foundry-s8-seed0"
    pending.mkdir()
    (pending / "trial.yaml").write_text("")

    found = results.read(run)

    assert len(found.trials) == 5
    assert len(found.notes) == 3
    assert any("foundry-s8-seed0" in note for note in found.notes)


def test_arrays_are_read_by_key(tmp_path: Path) -> None:
    run = small_sweep(tmp_path / "run")
    np.savez(run / "stages" / "distill-foundry-s4-seed0" / "arrays.npz", labels_M=np.arange(3))

    found = results.read(run)

    assert found.arrays("distill-foundry-s4-seed0")["labels_M"].tolist() == [0, 1, 2]
    assert found.arrays("distill-foundry-s4-seed1") == {}
    assert found.arrays("unknown") == {}


def test_a_path_without_records_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FoundryError, match="neither a folder nor a packed file"):
        results.load(tmp_path / "none")
