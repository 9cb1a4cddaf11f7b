"""Records that are missing, mixed or broken: the report comes out, and says so where it matters."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from foundry_bench.report.records.harvest import read_folders
from foundry_bench.report.write import write_report
from tests.report.example_claims import judge
from tests.report.examples import ExampleSweep

MakeSweep = Callable[..., ExampleSweep]
NEAR = {"name": "near_teacher", "results": ["accuracy"]}
SCENE = {"teacher": {"name": "point_jepa"}, "student": {"name": "foundry", "supertokens": 16}}
TEACHER = {"name": "point_jepa", "width": 96, "depth": 4, "patches": 32, "patch_size": 16}
LATENCY = {
    **SCENE,
    "teacher": TEACHER,
    **{"batch": 1, "mode": "eager", "precision": "fp32", "threads": 1},
}


def _report(sweep: ExampleSweep, tmp_path: Path) -> tuple[str, str]:
    """The report's notes, and its page."""
    report, page = write_report([sweep.out], tmp_path / "out")
    notes = (*report.notes, *(note for part in report.sweeps for note in part.notes))
    text = page.read_text()
    assert text.rstrip().endswith("</html>")
    return " ".join(notes), text


def _seeds(sweep: ExampleSweep) -> int:
    judged = judge(sweep, NEAR)
    assert judged.ruling is not None
    return judged.ruling.findings[0].n


def test_missing_seeds_are_told_and_leave_pairs(make_sweep: MakeSweep, tmp_path: Path) -> None:
    sweep = make_sweep().fill((0, 1, 2, 3))
    shutil.rmtree(sweep.out / "trials" / "foundry-s16-seed3")

    notes, _ = _report(sweep, tmp_path)

    assert "Fewer seeds than the others: foundry at s = 16 (3 of 4)" in notes
    assert _seeds(sweep) == 3


def test_one_seed_decides_no_claim(make_sweep: MakeSweep, tmp_path: Path) -> None:
    sweep = make_sweep().fill((0,))

    notes, page = _report(sweep, tmp_path)

    assert "Only 1 seed" in notes
    assert "at least 3 seeds would decide" in page
    assert judge(sweep, NEAR).verdict == "undecided"


def test_a_failed_trial_is_told_and_no_seed(make_sweep: MakeSweep, tmp_path: Path) -> None:
    sweep = make_sweep().fill((0, 1, 2, 3))
    sweep.trial("main", "foundry", 2, None, supertokens=16, status="failed", error="it broke")

    notes, _ = _report(sweep, tmp_path)

    assert "Trial foundry-s16-seed2 (seed 2) ended as failed: it broke" in notes
    assert _seeds(sweep) == 3


def test_another_schema_is_left_out_and_told(full_sweep: ExampleSweep, tmp_path: Path) -> None:
    for name in ("trials/foundry-s16-seed2/trial.json", "stages/tune-foundry-s4-seed1/record.json"):
        path = full_sweep.out / name
        said = json.loads(path.read_text())
        path.write_text(json.dumps({**said, "schema_version": 9}))

    notes, _ = _report(full_sweep, tmp_path)

    assert "foundry-s16-seed2/trial.json has schema 9, and this version reads schema 1" in notes
    assert "stages/tune-foundry-s4-seed1/record.json has schema 9" in notes
    assert _seeds(full_sweep) == 2


def test_a_schema_with_other_fields_is_left_out_and_told(
    full_sweep: ExampleSweep, tmp_path: Path
) -> None:
    path = full_sweep.out / "trials" / "foundry-s16-seed2" / "trial.json"
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, "schema_version": 2, "group": "a-new-field"}))

    notes, _ = _report(full_sweep, tmp_path)

    assert "foundry-s16-seed2/trial.json has schema 2, and this version reads schema 1" in notes


def test_mixed_versions_of_a_stage_are_told(make_sweep: MakeSweep, tmp_path: Path) -> None:
    sweep = make_sweep().fill((0, 1))
    path = sweep.out / "stages" / "tune-foundry-s4-seed1" / "record.json"
    path.write_text(path.read_text().replace('"stage_version": 1', '"stage_version": 2'))

    notes, _ = _report(sweep, tmp_path)

    assert (
        "The records of evaluate classification come from several versions of that stage: 1 and 2"
    ) in notes
    assert "The records of distill come" not in notes


def test_two_devices_in_one_table_of_latencies_are_told(
    make_sweep: MakeSweep, tmp_path: Path
) -> None:
    sweep = make_sweep().fill((0,))
    for kind, name, milliseconds in (("cpu", "Laptop", 80.0), ("cuda", "GPU", 4.0)):
        device = {"kind": kind, "name": name, "cores": 4}
        quartiles = {f"latency_ms_{word}": milliseconds for word in ("q1", "median", "q3")}
        sweep.stage(
            f"latency-{kind}",
            "profile",
            task="latency",
            config={**LATENCY, "hardware": device},
            metrics={**quartiles, "latency_ms_encode": milliseconds},
            device=device,
        )

    notes, page = _report(sweep, tmp_path)

    told = "Latencies were measured on several devices: GPU and Laptop (4 cores)."
    assert told in notes
    assert told in page


def test_counts_of_two_devices_are_no_matter(make_sweep: MakeSweep, tmp_path: Path) -> None:
    sweep = make_sweep().fill((0,))
    for kind in ("cpu", "cuda"):
        device = {"kind": kind, "name": kind}
        sweep.stage(f"flops-{kind}", "profile", config=SCENE, metrics={"macs": 1.0}, device=device)

    assert "several devices" not in _report(sweep, tmp_path)[0]


def test_a_result_that_is_not_finite_is_told_and_no_seed(
    make_sweep: MakeSweep, tmp_path: Path
) -> None:
    sweep = make_sweep().fill((0, 1, 2, 3))
    sweep.trial("main", "foundry", 1, float("nan"), supertokens=16, loss=0.02)
    sweep.stage("scene", "profile", config=SCENE, metrics={"peak_rss_bytes": float("nan")})

    notes, _ = _report(sweep, tmp_path)

    assert "accuracy of trial foundry-s16-seed1 is not finite" in notes
    assert "peak_rss_bytes of a profile (scene) is not finite" in notes
    assert _seeds(sweep) == 3


def test_no_records_run_no_claim(make_sweep: MakeSweep, tmp_path: Path) -> None:
    sweep = make_sweep()
    sweep.out.mkdir(parents=True)

    notes, page = _report(sweep, tmp_path)

    assert "There are no records of trials" in notes
    assert "since no record here speaks of them" in page
    assert "same check here" not in page.split("</section>")[0]


@pytest.mark.parametrize("name", ["trials/foundry-s16-seed1/trial.json",
                                  "stages/tune-foundry-s16-seed1/record.json"])  # fmt: skip
@pytest.mark.parametrize("length", [0, 1, 300])
def test_a_record_cut_short_is_told_and_left_out(
    make_sweep: MakeSweep, tmp_path: Path, name: str, length: int
) -> None:
    sweep = make_sweep().fill((0, 1, 2, 3))
    path = sweep.out / name
    path.write_text(path.read_text()[:length])

    notes, _ = _report(sweep, tmp_path)

    assert f"{name} is cut short or not a record that this version knows" in notes
    assert _seeds(sweep) == 3


def test_records_of_costs_are_kept_with_the_report(make_sweep: MakeSweep, tmp_path: Path) -> None:
    sweep = make_sweep().fill((0,))
    for key, student in (("whole", None), ("small", SCENE["student"])):
        config = {**SCENE, "student": student}
        sweep.stage(key, "profile", config=config, metrics={"macs": 2.0 if student else 9.0})
    write_report([sweep.out], tmp_path / "out", with_records=True)

    again, _ = write_report([tmp_path / "out" / "records"], tmp_path / "again")

    verdicts = {judged.claim.id: judged.verdict for judged in again.claims}
    assert verdicts["flops_all_counted"] == "not applicable"
    assert len(read_folders([tmp_path / "out" / "records"]).profiles) == 2
