import math
from collections.abc import Callable

import pytest

from foundry_bench.report.figures.curves import (
    Curves,
    average_curves,
    collect_curves,
    compare_curves,
)
from tests.report.example_sweeps import fill_losses
from tests.report.examples import COUNTS, EPOCHS, ExampleSweep
from tests.report.summaries import read

MakeSweep = Callable[..., ExampleSweep]


def test_curves_average_the_main_series(full_sweep: ExampleSweep) -> None:
    evidence, runs, _ = read(full_sweep)
    curves = collect_curves(evidence, runs, "distill", "loss")

    data = average_curves(curves, "foundry", "loss")

    assert data is not None
    assert [curve.level for curve in data.curves] == list(COUNTS)
    assert data.curves[0].epochs == tuple(range(1, EPOCHS + 1))
    assert {interval.n for curve in data.curves for interval in curve.intervals} == {3}
    assert average_curves(curves, "other", "loss") is None


def test_curves_leave_out_what_is_not_finite(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    history = [{"epoch": 1.0, "loss": 0.5}, {"epoch": 2.0, "loss": math.nan}, {"epoch": 3.0}]
    use = sweep.stage("k", "distill", history=history)
    sweep.trial("main", "foundry", 0, 0.9, supertokens=4, stages=[use])
    evidence, runs, _ = read(sweep)

    curves = collect_curves(evidence, runs, "distill", "loss")

    assert [(curve.epochs, curve.values) for curve in curves] == [((1,), (0.5,))]


def test_a_stage_that_runs_share_is_one_curve(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    use = sweep.stage("k", "distill", history=[{"epoch": 1.0, "loss": 0.5}])
    for budget in (8, 16):
        varies = {"student.budget": budget}
        student = {"budget": budget}
        sweep.trial(
            "main", "gate", 0, 0.9, supertokens=4, student=student, varies=varies, stages=[use],
            tag=f"-{budget}",
        )  # fmt: skip
    evidence, runs, _ = read(sweep)

    assert len(collect_curves(evidence, runs, "distill", "loss")) == 1


def _compare(sweep: ExampleSweep) -> Curves | None:
    evidence, runs, summary = read(sweep)
    curves = collect_curves(evidence, runs, "evaluate", "val_accuracy")
    return compare_curves(curves, summary.results[0], "validation accuracy")


def test_fine_tuning_is_compared_by_series_with_baselines(make_sweep: MakeSweep) -> None:
    data = _compare(fill_losses(make_sweep()))

    assert data is not None
    assert (data.label, data.level) == ("validation accuracy (%)", "s = 16")
    found = {curve.series: curve for curve in data.curves}
    assert list(found) == [
        "foundry, loss mse (target norm layer)",
        "foundry, loss mse (target norm none)",
        "foundry, loss smooth_l1",
        "teacher",
    ]
    smooth = found["foundry, loss smooth_l1"]
    assert smooth.epochs == (1, 2, 3, 4)
    assert smooth.intervals[0].mean == pytest.approx(56.0)
    assert smooth.intervals[0].n == 3
    assert found["teacher"].role == "baseline"


def test_only_the_largest_s_of_all_is_compared(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for variant, counts in (("foundry", (4, 16)), ("dso", (4, 16, 32))):
        role = "main" if variant == "foundry" else "ablation"
        for count in counts:
            sweep.trial(
                role,  # type: ignore[arg-type]
                variant,
                0,
                0.9,
                supertokens=count,
                validation=[count / 100],
            )

    data = _compare(sweep)

    assert data is not None
    assert data.level == "s = 16"
    assert [curve.intervals[0].mean for curve in data.curves] == pytest.approx([16.0, 16.0])


def test_one_series_or_no_validation_is_no_comparison(
    make_sweep: MakeSweep, full_sweep: ExampleSweep
) -> None:
    sweep = make_sweep("one")
    sweep.trial("main", "foundry", 0, 0.9, supertokens=4, validation=[0.5])

    assert _compare(sweep) is None
    assert _compare(full_sweep) is None


def test_the_loss_between_tokens_goes_before_the_total(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    history = [{"epoch": 1.0, "loss": 0.2, "token_loss": 0.5}, {"epoch": 2.0, "loss": 0.4}]
    use = sweep.stage("k", "distill", history=history)
    sweep.trial("main", "foundry", 0, 0.9, supertokens=4, stages=[use])
    evidence, runs, _ = read(sweep)

    (curve,) = collect_curves(evidence, runs, "distill", "token_loss", "loss")

    assert curve.values == (0.5, 0.4)
