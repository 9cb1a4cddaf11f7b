import math
from collections.abc import Callable

import pytest

from foundry_bench.report.analysis.relation import Relation, relate
from foundry_bench.report.figures.along_axis import Profile, profile
from foundry_bench.report.study.measures import DISTILL_LOSS, HELDOUT_NMSE
from foundry_bench.report.study.summary import Summary
from tests.report.examples import COUNTS, ExampleSweep
from tests.report.summaries import read

MakeSweep = Callable[..., ExampleSweep]


def _summary(sweep: ExampleSweep) -> Summary:
    return read(sweep)[2]


@pytest.fixture
def small(make_sweep: MakeSweep) -> ExampleSweep:
    sweep = make_sweep()
    for seed, shift in enumerate((-0.01, 0.0, 0.01)):
        sweep.trial("main", "foundry", seed, 0.8 + shift, supertokens=1, loss=0.04 + shift / 10)
        sweep.trial("main", "foundry", seed, 0.9 + shift, supertokens=2, loss=0.02 + shift / 10)
        sweep.trial("baseline", "teacher", seed, 0.95 + shift)
    return sweep


def test_relation_pairs_runs_and_averages_them(small: ExampleSweep) -> None:
    summary = _summary(small)

    data = relate(summary, DISTILL_LOSS, summary.results[0])

    assert isinstance(data, Relation)
    assert [(each.level, seed) for each in data.clusters for seed in each.xs] == [
        (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)
    ]  # fmt: skip
    assert [y for each in data.clusters for y in each.ys.values()] == pytest.approx(
        [79.0, 80.0, 81.0, 89.0, 90.0, 91.0]
    )
    centre = data.clusters[1]
    assert (centre.level, centre.x.mean, centre.y.mean) == pytest.approx((2, 0.02, 90.0))
    assert centre.y.half == pytest.approx(4.302653 / math.sqrt(3))
    assert [(line.label, line.interval.mean) for line in data.baselines] == [
        ("teacher", pytest.approx(95.0))
    ]
    # within each s the loss rises with accuracy, between them it falls: ranks 4 5 6 1 2 3
    assert data.correlations["foundry"].rho == pytest.approx(1 - 6 * (6 * 9) / (6 * 35))
    assert [line["what"] for line in data.lines()] == ["run"] * 6 + ["mean"] * 2 + ["baseline"]


def test_relation_without_common_numbers_is_none(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    sweep.trial("main", "foundry", 0, 0.9, supertokens=4)
    summary = _summary(sweep)

    assert relate(summary, HELDOUT_NMSE, summary.results[0]) is None


def test_profile_has_main_series_first_and_levels_in_order(full_sweep: ExampleSweep) -> None:
    summary = _summary(full_sweep)

    data = profile(summary, summary.results[0])

    assert isinstance(data, Profile)
    assert {name: role for name, (role, _) in data.series.items()} == {
        "foundry": "main", "dso": "ablation", "no residual": "ablation"
    }  # fmt: skip
    assert next(iter(data.series)) == "foundry"
    assert [mark.x for mark in data.series["foundry"][1]] == list(COUNTS)
    assert [line.variant for line in data.baselines] == ["teacher", "not_distilled", "scratch"]


def test_difference_to_the_teacher_is_paired_and_corrected(small: ExampleSweep) -> None:
    summary = _summary(small)

    change = summary.main()[0].to_teacher[summary.results[0]]

    assert (change.mean, change.n) == pytest.approx((-15.0, 3))
    assert change.half == pytest.approx(0.0, abs=1e-9)
    assert change.is_paired


def test_other_axes_make_other_series(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for name in ("dso", "dso_pos"):
        varies = {"student.assignment": {"name": name}, "student.supertokens": 4}
        sweep.trial("main", "foundry", len(name), 0.9, supertokens=4, varies=varies)

    assert list(_summary(sweep).series()) == [
        "foundry, assignment dso",
        "foundry, assignment dso_pos",
    ]


def test_each_group_is_compared_with_the_baselines_of_its_context(make_sweep: MakeSweep) -> None:
    summary = _summary(make_sweep().fill_two_difficulties())
    measure = summary.results[0]

    for name, groups in summary.main_series().items():
        changes = [group.to_teacher[measure].mean for group in groups]
        assert changes == pytest.approx([-15.0, -10.0, -5.0]), name
        scratch = summary.baseline_of(groups[-1], "scratch")
        assert scratch is not None
        assert scratch.setting.context == groups[0].setting.context
        assert summary.baseline_of(groups[0], "scratch") is None
    ablation = summary.of_role("ablation")[0]
    assert ablation.to_teacher[measure].mean == pytest.approx(-10.0)


def test_rho_is_of_one_series_each(make_sweep: MakeSweep) -> None:
    """Between the two data sets loss and accuracy go apart, within each they rise together."""
    summary = _summary(make_sweep().fill_two_difficulties())

    data = relate(summary, DISTILL_LOSS, summary.results[0])

    assert data is not None
    assert list(data.correlations) == ["foundry, difficulty 0.2", "foundry, difficulty 0.6"]
    for found in data.correlations.values():
        assert (found.n, found.levels) == (9, 3)
        assert found.rho > 0.7


def test_one_number_of_supertokens_has_no_rho(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for seed in range(3):
        sweep.trial("main", "foundry", seed, 0.9 - seed / 9, supertokens=4, loss=0.1 + seed / 9)
    summary = _summary(sweep)

    data = relate(summary, DISTILL_LOSS, summary.results[0])

    assert data is not None
    assert data.correlations == {}


def test_several_baselines_say_which_they_are(make_sweep: MakeSweep) -> None:
    summary = _summary(make_sweep().fill_two_difficulties())

    data = profile(summary, summary.results[0])

    assert data is not None
    assert [(line.label, round(line.interval.mean)) for line in data.baselines] == [
        ("teacher, difficulty 0.2", 95),
        ("teacher, difficulty 0.6", 65),
        ("from scratch, difficulty 0.2", 70),
        ("from scratch, difficulty 0.6", 40),
    ]


def test_scratch_is_random_weights_where_nothing_trains(full_sweep: ExampleSweep) -> None:
    summary = _summary(full_sweep)

    drawn = {y.slug: profile(summary, y) for y in summary.results}

    labels = {slug: [line.label for line in data.baselines] for slug, data in drawn.items() if data}
    assert labels == {
        "accuracy": ["teacher", "not distilled", "from scratch"],
        "probe_accuracy": ["teacher", "not distilled", "random weights"],
    }


def test_a_stage_that_all_seeds_share_counts_once(make_sweep: MakeSweep) -> None:
    summary = _summary(make_sweep().fill_deterministic_probe())
    measure = summary.results[0]
    main = summary.main()[0]
    teacher = summary.teacher_of(main)
    assert teacher is not None

    interval, change = teacher.interval(measure), main.to_teacher[measure]
    back = teacher.difference(main, measure)

    assert (interval.mean, interval.n) == (pytest.approx(62.4), 1)
    assert interval.is_constant
    assert not interval.is_bounded
    assert (change.mean, change.n, change.is_paired) == (pytest.approx(-12.4), 3, False)
    assert change.half == pytest.approx(main.interval(measure).half)
    assert (back.mean, back.n, back.is_paired) == (pytest.approx(12.4), 3, False)


def test_a_stage_that_some_seeds_share_counts_once(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    shared = sweep.stage("k", "evaluate", task="probe", metrics={"probe_accuracy": 0.5})
    for seed in (0, 1):
        sweep.trial("main", "foundry", seed, None, supertokens=4, stages=[shared])
    sweep.trial("main", "foundry", 2, None, supertokens=4, probe=0.7)
    summary = _summary(sweep)

    interval = summary.main()[0].interval(summary.results[0])

    assert (interval.mean, interval.n, interval.is_constant) == (pytest.approx(60.0), 2, False)


def test_one_trial_is_not_a_constant(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    sweep.trial("baseline", "teacher", 0, 0.95)
    for seed in range(3):
        sweep.trial("main", "foundry", seed, 0.9, supertokens=4)
    summary = _summary(sweep)

    assert summary.main()[0].to_teacher[summary.results[0]].n == 1
