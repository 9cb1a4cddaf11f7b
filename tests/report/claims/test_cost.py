from collections.abc import Callable
from typing import Any

import pytest

from foundry_bench.report.claims.show import evidence_text
from foundry_bench.report.records.harvest import read_folders
from tests.report.example_claims import claims_file, judge, judge_all
from tests.report.examples import ExampleSweep

MakeSweep = Callable[..., ExampleSweep]
TEACHER = {"name": "point_jepa", "width": 384, "depth": 12, "heads": 6, "patches": 128}
STUDENT = {"name": "foundry", "supertokens": 16}
FLOPS = {"name": "cost_ratio", "metric": "macs", "at_most": 0.38}
LATENCY = {"name": "cost_ratio", "metric": "latency_ms_median", "at_most": 0.67}
SCENE = {"name": "fits", "points": 300_000, "gib": 6.0}
GIB = 2**30


def _profile(sweep: ExampleSweep, key: str, student: dict[str, Any] | None, **changes: Any) -> None:
    config = {"teacher": TEACHER, "student": student, **changes.pop("config", {})}
    sweep.stage(key, "profile", config=config, **{"task": "flops"} | changes)


@pytest.mark.parametrize(("macs", "verdict"), [(37.0, "holds"), (39.0, "fails")])
def test_a_share_of_the_teachers_cost(make_sweep: MakeSweep, macs: float, verdict: str) -> None:
    sweep = make_sweep()
    _profile(sweep, "teacher", None, metrics={"macs": 100.0})
    _profile(sweep, "student", STUDENT, metrics={"macs": macs})
    _profile(sweep, "smaller", {**STUDENT, "supertokens": 4}, metrics={"macs": 1.0})

    judged = judge(sweep, FLOPS)

    assert judged.verdict == verdict
    (finding,) = judged.ruling.findings  # type: ignore[union-attr]
    assert finding.observed == f"{macs:.1f} % of the teacher's"
    assert finding.trials == ("student", "teacher")


def test_other_conditions_are_not_compared(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    _profile(sweep, "teacher", None, metrics={"macs": 100.0})
    _profile(sweep, "student", STUDENT, metrics={"macs": 30.0}, config={"classes": 40})

    assert judge(sweep, FLOPS).verdict == "not run"


@pytest.mark.parametrize("changes", [{"config": {"parts": 50}}, {"task": "scenes"}])
def test_parts_of_points_and_scenes_are_not_what_the_paper_counts(
    make_sweep: MakeSweep, changes: dict[str, Any]
) -> None:
    sweep = make_sweep()
    for key, student, macs in (("teacher", None, 100.0), ("student", STUDENT, 39.0)):
        _profile(sweep, key, student, metrics={"macs": macs}, **changes)

    assert judge(sweep, FLOPS).verdict == "not run"


def test_latencies_are_compared_on_one_device_only(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    devices = ({"kind": "cpu", "name": "Laptop"}, {"kind": "cuda", "name": "GPU"})
    _profile(sweep, "teacher", None, metrics={"latency_ms_median": 90.0}, device=devices[0])
    _profile(sweep, "student", STUDENT, metrics={"latency_ms_median": 5.0}, device=devices[1])
    assert judge(sweep, LATENCY).verdict == "not run"

    _profile(sweep, "slow", STUDENT, metrics={"latency_ms_median": 80.0}, device=devices[0])
    judged = judge(sweep, LATENCY)

    assert judged.verdict == "fails"
    assert "on Laptop" in judged.ruling.findings[0].what  # type: ignore[union-attr]
    elsewhere = judge(sweep, LATENCY, {"device": "cuda"})
    assert elsewhere.verdict == "not applicable"
    assert elsewhere.elsewhere.outcome == "fails"  # type: ignore[union-attr]


def test_a_ratio_is_of_student_and_teacher_that_had_turns_with_each_other(
    make_sweep: MakeSweep,
) -> None:
    sweep = make_sweep()
    quiet = (("teacher", None, 90.0), ("student", STUDENT, 45.0))
    busy = (("teacher", None, 900.0), ("student", STUDENT, 810.0))
    for moment, times in (("first", quiet), ("second", quiet), ("third", busy)):
        for name, student, ms in times:
            metrics = {"latency_ms_median": ms}
            config = {"measured": moment}
            _profile(sweep, f"{name}-{moment}", student, metrics=metrics, config=config)
    _profile(sweep, "alone", STUDENT, metrics={"latency_ms_median": 1.0}, config={"measured": "x"})

    (finding,) = judge(sweep, LATENCY).ruling.findings  # type: ignore[union-attr]

    assert finding.estimate == 0.5
    assert len(finding.trials) == 6


def test_students_of_other_settings_are_not_averaged(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    _profile(sweep, "teacher", None, metrics={"macs": 100.0})
    for key, ratio, macs in (("half", 0.5, 30.0), ("whole", 1.0, 42.0)):
        student = {**STUDENT, "upsample_mlp_ratio": ratio}
        _profile(sweep, key, student, metrics={"macs": macs})

    judged = judge(sweep, FLOPS)

    assert sorted(each.estimate for each in judged.ruling.findings) == [0.3, 0.42]  # type: ignore[union-attr]


@pytest.mark.parametrize("cost", [0.0, float("nan"), float("inf")])
def test_a_cost_that_is_none_decides_nothing(make_sweep: MakeSweep, cost: float) -> None:
    sweep = make_sweep()
    _profile(sweep, "teacher", None, metrics={"macs": 100.0})
    _profile(sweep, "student", STUDENT, metrics={"macs": cost})

    assert judge(sweep, FLOPS).verdict == "not run"


@pytest.mark.parametrize(
    ("metrics", "verdict"),
    [
        ({"points": 300_000.0, "peak_allocated_bytes": 4.0 * GIB, "oom": 0.0}, "holds"),
        ({"points": 300_000.0, "peak_rss_bytes": 7.0 * GIB}, "fails"),
        ({"points": 3e5, "peak_reserved_bytes": 5.7 * GIB, "context_bytes": 0.2 * GIB}, "holds"),
        ({"points": 3e5, "peak_reserved_bytes": 5.7 * GIB, "context_bytes": 0.5 * GIB}, "fails"),
        ({"points": 300_000.0, "oom": 1.0}, "fails"),
        ({"points": 300_000.0}, "not run"),
        ({"points": 300_000.0, "peak_rss_bytes": float("nan")}, "not run"),
        ({"points": 100_000.0, "peak_rss_bytes": 1.0 * GIB}, "not run"),
        ({"peak_rss_bytes": 1.0 * GIB}, "not run"),
        ({"points": 1e6, "peak_rss_bytes": 5.0 * GIB}, "holds"),
        ({"points": 1e6, "peak_rss_bytes": 9.0 * GIB}, "not run"),
        ({"points": 1e6, "oom": 1.0}, "not run"),
    ],
)
def test_a_large_scene_fits(make_sweep: MakeSweep, metrics: dict[str, float], verdict: str) -> None:
    sweep = make_sweep()
    _profile(sweep, "scene", STUDENT, metrics=metrics)
    _profile(sweep, "teacher", None, metrics={"points": 300_000.0, "oom": 1.0})

    assert judge(sweep, SCENE).verdict == verdict


@pytest.mark.parametrize(("gib", "verdict"), [(4, "not run"), (6, "fails"), (None, "fails")])
def test_running_out_of_less_memory_says_nothing(
    make_sweep: MakeSweep, gib: int | None, verdict: str
) -> None:
    limit = None if gib is None else gib * GIB
    config = {"points": 300_000, "memory_limit": limit, "attention": "naive"}
    sweep = make_sweep()
    _profile(sweep, "scene", STUDENT, metrics={"oom": 1.0}, config=config)

    judged = judge(sweep, SCENE)

    assert judged.verdict == verdict
    if judged.ruling is not None:
        assert judged.ruling.findings[0].observed == "out of memory"
        assert judged.ruling.findings[0].what.endswith("300,000 points, naive attention")


@pytest.mark.parametrize(("asked", "verdict"), [("cuda:0", "holds"), ("cpu", "not applicable")])
def test_the_device_that_was_asked_for_counts(
    make_sweep: MakeSweep, asked: str, verdict: str
) -> None:
    sweep = make_sweep()
    config = {"points": 300_000, "device": asked}
    metrics = {"peak_rss_bytes": 1.0 * GIB}
    device = {"kind": "cuda", "name": "GPU"}
    _profile(sweep, "scene", STUDENT, metrics=metrics, config=config, device=device)

    assert judge(sweep, SCENE, {"device": "cuda"}).verdict == verdict


def test_a_measurement_that_failed_says_nothing(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    metrics = {"points": 300_000.0, "peak_rss_bytes": 1.0 * GIB}
    _profile(sweep, "scene", STUDENT, metrics=metrics, status="failed")

    assert judge(sweep, SCENE).verdict == "not run"


def test_a_cut_short_profile_is_noted_and_left_out(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    _profile(sweep, "teacher", None, metrics={"macs": 100.0})
    path = sweep.out / "stages" / "teacher" / "record.json"
    path.write_text(path.read_text()[:400])

    evidence = read_folders([sweep.out])

    assert "stages/teacher/record.json is cut short" in " ".join(evidence.notes)
    assert judge_all(evidence, claims_file(FLOPS))[0].verdict == "not run"


def test_a_profile_that_names_no_teacher_has_no_empty_brackets(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for key, student, macs in (("teacher", None, 100.0), ("student", STUDENT, 30.0)):
        config = {"teacher": None}
        _profile(sweep, key, student, metrics={"macs": macs}, config=config)
    judged = judge(sweep, FLOPS)
    assert evidence_text(judged.shown) == "30.0 % of the teacher's (claimed: at most 38 %)"
