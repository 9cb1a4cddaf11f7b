from collections.abc import Callable

import pytest

from tests.report.example_claims import add, judge, over_supertokens
from tests.report.example_sweeps import fill_budget
from tests.report.examples import ExampleSweep

MakeSweep = Callable[..., ExampleSweep]
FALLS = {"name": "trend", "of": "distill_loss", "below": 0.0}
RISES = {1: 0.80, 2: 0.82, 4: 0.85, 8: 0.86, 16: 0.87}


@pytest.mark.parametrize(
    ("losses", "verdict"),
    [
        ((0.04, 0.035, 0.03, 0.025, 0.02), "holds"),
        ((0.02, 0.025, 0.03, 0.035, 0.04), "fails"),
    ],
)
def test_a_trend_is_the_mean_slope(
    make_sweep: MakeSweep, losses: tuple[float, ...], verdict: str
) -> None:
    sweep = make_sweep()
    for shift in (0.0, 0.0001, -0.0001):
        seed = int(shift * 10_000) % 3
        for count, loss in zip(RISES, losses, strict=True):
            sweep.trial("main", "foundry", seed, 0.9, supertokens=count, loss=loss + shift * count)

    judged = judge(sweep, FALLS)

    assert judged.verdict == verdict
    (finding,) = judged.ruling.findings  # type: ignore[union-attr]
    assert abs(finding.estimate) == pytest.approx(0.005, abs=1e-4)
    assert finding.what == "foundry: distillation loss by doubling of s, from 1 to 16"
    assert len(finding.trials) == 15


def test_no_trend_is_undecided(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for seed, slope in enumerate((0.001, -0.0012, 0.0001)):
        for step, count in enumerate(RISES):
            loss = 0.03 + slope * step
            sweep.trial("main", "foundry", seed, 0.9, supertokens=count, loss=loss)

    judged = judge(sweep, FALLS)

    assert judged.verdict == "undecided"
    assert judged.ruling is not None
    assert judged.ruling.deciding.startswith(("about", "more than"))


def test_a_trend_takes_seeds_that_are_whole(make_sweep: MakeSweep) -> None:
    sweep = over_supertokens(make_sweep(), RISES, seeds=4)
    (sweep.out / "trials" / "foundry-s4-seed3" / "trial.json").unlink()

    (finding,) = judge(sweep, {"name": "trend", "above": 0.0}).ruling.findings  # type: ignore[union-attr]

    assert finding.n == 3


@pytest.mark.parametrize(("limit", "verdict"), [(4.0, "holds"), (0.1, "fails")])
def test_a_budget_is_an_axis_too(make_sweep: MakeSweep, limit: float, verdict: str) -> None:
    check = {"name": "trend", "student": "foundry_gate", "along": "budget", "below": limit}

    judged = judge(fill_budget(make_sweep()), check)

    assert judged.verdict == verdict
    assert "by doubling of budget, from 4 to 32" in judged.ruling.findings[0].what  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("accuracies", "verdict"),
    [
        (RISES, "holds"),
        (dict(zip(RISES, reversed(RISES.values()), strict=True)), "fails"),
    ],
)
def test_loss_and_accuracy_are_correlated(
    make_sweep: MakeSweep, accuracies: dict[int, float], verdict: str
) -> None:
    sweep = over_supertokens(make_sweep(), accuracies)

    judged = judge(sweep, {"name": "correlation", "below": -0.8})

    assert judged.verdict == verdict
    assert "over 15 runs" in judged.ruling.findings[0].observed  # type: ignore[union-attr]


def test_a_correlation_near_its_limit_is_undecided(make_sweep: MakeSweep) -> None:
    accuracies = dict(zip(RISES, (0.80, 0.83, 0.82, 0.85, 0.84), strict=True))
    sweep = over_supertokens(make_sweep(), accuracies, spread=8.0)

    assert judge(sweep, {"name": "correlation", "below": -0.8}).verdict == "undecided"


def test_two_numbers_of_supertokens_are_no_correlation(make_sweep: MakeSweep) -> None:
    sweep = over_supertokens(make_sweep(), {1: 0.8, 16: 0.9})

    assert judge(sweep, {"name": "correlation", "below": 0.0}).verdict == "not run"


@pytest.mark.parametrize(
    ("last", "spread", "verdict"),
    [(0.853, 1.0, "holds"), (0.88, 1.0, "fails"), (0.86, 10.0, "undecided")],
)
def test_gains_level_off(make_sweep: MakeSweep, last: float, spread: float, verdict: str) -> None:
    sweep = over_supertokens(make_sweep(), {1: 0.80, 4: 0.85, 8: 0.855})
    add(sweep, "main", "foundry", last, supertokens=16, loss=0.02, spread=spread)

    judged = judge(sweep, {"name": "plateau", "start": 4, "under": 1.0})

    assert judged.verdict == verdict
    assert "at s = 16 against s = 4" in judged.ruling.findings[0].what  # type: ignore[union-attr]


def test_other_students_and_losses_are_not_spoken_of(make_sweep: MakeSweep) -> None:
    sweep = over_supertokens(make_sweep(), RISES, student={"name": "other"})
    mse = over_supertokens(make_sweep("mse"), RISES, distill={"loss": {"name": "mse"}})

    assert judge([sweep, mse], {"name": "trend", "above": 0.0}).verdict == "not run"
    assert judge(sweep, {"name": "trend", "student": "other", "above": 0.0}).verdict == "holds"
    assert judge(mse, {"name": "trend", "loss": "mse", "above": 0.0}).verdict == "holds"


def _bottleneck(sweep: ExampleSweep, few: float, many: float) -> ExampleSweep:
    over_supertokens(sweep, {1: 0.80, 16: 0.87}, losses=(0.04, 0.02))
    for count, accuracy in ((1, few), (16, many)):
        add(
            sweep,
            "ablation",
            "no_residual",
            accuracy,
            supertokens=count,
            loss=0.05,
            student={"residual": False},
        )
    return sweep


@pytest.mark.parametrize(
    ("few", "many", "verdict"),
    [(0.70, 0.869, "holds"), (0.70, 0.80, "fails"), (0.87, 0.87, "undecided")],
)
def test_the_bottleneck_carries_the_information(
    make_sweep: MakeSweep, few: float, many: float, verdict: str
) -> None:
    judged = judge(_bottleneck(make_sweep(), few, many), {"name": "bottleneck"})

    assert judged.verdict == verdict
    assert [finding.asked for finding in judged.ruling.findings] == [  # type: ignore[union-attr]
        "above 0 points", "above 0 points", "above \N{MINUS SIGN}1 point"
    ]  # fmt: skip


def test_without_a_ablation_the_bottleneck_is_not_run(make_sweep: MakeSweep) -> None:
    sweep = over_supertokens(make_sweep(), RISES)

    assert judge(sweep, {"name": "bottleneck"}).verdict == "not run"
