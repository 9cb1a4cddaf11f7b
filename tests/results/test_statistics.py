import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from foundry_bench import results
from foundry_bench.errors import FoundryError
from foundry_bench.report.statistics import power as earlier
from foundry_bench.results.frame import COLUMNS
from foundry_bench.results.statistics import Sample, difference, estimate, holm
from tests.results import gallery


def rows(
    variant: str,
    values: list[float],
    *,
    metric: str = "accuracy",
    direction: str = "higher",
    key: str | None = None,
    **columns: Any,
) -> list[dict[str, Any]]:
    """A row a seed; `key` is of a stage that all of them share."""
    return [
        {
            "sweep": "made up",
            "trial": f"{variant}-{columns.get('supertokens')}-{seed}",
            "role": "baseline" if variant == "teacher" else "main",
            "variant": variant,
            "series": variant,
            "context": "",
            "ground": "",
            "stage": "evaluate",
            "task": "classification",
            "metric": metric,
            "direction": direction,
            "unit": "share",
            "label": metric,
            "seed": seed,
            "value": value,
            "stage_key": key or f"{variant}-{columns}-{metric}-{seed}",
            **columns,
        }
        for seed, value in enumerate(values)
    ]


def frame_of(*several: list[dict[str, Any]]) -> pd.DataFrame:
    lines = [line for each in several for line in each]
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype(COLUMNS)


def test_the_interval_is_students() -> None:
    values = [0.5, 0.7, 0.9, 0.6]
    found = estimate(values)
    half = stats.t.ppf(0.975, 3) * np.std(values, ddof=1) / 2

    assert (found.n, found.mean) == (4, pytest.approx(0.675))
    assert (found.low, found.high) == (pytest.approx(0.675 - half), pytest.approx(0.675 + half))


@pytest.mark.parametrize("values", [[], [0.5], [0.5, 0.6]])
def test_below_three_seeds_there_is_no_interval(values: list[float]) -> None:
    found = estimate(values)

    assert found.n == len(values)
    assert math.isnan(found.low)
    assert math.isnan(found.p)
    assert not found.is_beyond


def test_equal_values_have_no_width() -> None:
    assert estimate([0.5] * 3).p == 0.0
    assert estimate([0.0] * 3).p == 1.0
    assert (estimate([0.5] * 3).low, estimate([0.5] * 3).high) == (0.5, 0.5)


def test_a_value_that_seeds_share_counts_once() -> None:
    summary = results.summarize(frame_of(rows("teacher", [0.9] * 3, key="one")))

    assert summary[["n", "mean", "is_constant"]].to_numpy().tolist() == [[1, 0.9, True]]
    assert summary["low"].isna().all()


def test_trials_without_a_number_count_nowhere() -> None:
    frame = frame_of(rows("foundry", [0.5, math.nan, 0.7]))

    assert results.summarize(frame)["n"].tolist() == [2]
    assert results.summarize(frame[:0]).empty


def test_holm_leaves_out_what_is_not_known() -> None:
    corrected = holm([0.01, math.nan, 0.04, 0.03])

    assert corrected[0] == pytest.approx(0.03)
    assert math.isnan(corrected[1])
    assert corrected[2:] == [pytest.approx(0.06), pytest.approx(0.06)]
    assert all(map(math.isnan, holm([math.nan])))


def test_differences_are_paired_by_seed() -> None:
    mine, theirs = {0: 0.5, 1: 0.7, 2: 0.9, 3: 0.1}, {0: 0.4, 1: 0.65, 2: 0.8, 9: 5.0}
    found, is_paired = difference(Sample(mine), Sample(theirs))
    test = stats.ttest_rel([0.5, 0.7, 0.9], [0.4, 0.65, 0.8])

    assert (found.n, is_paired) == (3, True)
    assert found.p == pytest.approx(test.pvalue)
    assert found.low == pytest.approx(test.confidence_interval().low)


def test_a_constant_is_compared_with_every_seed() -> None:
    constant = Sample({0: 0.9}, is_constant=True)
    varied = Sample({3: 0.5, 4: 0.6, 5: 0.7})

    forth, is_paired = difference(varied, constant)
    back, _ = difference(constant, varied)

    assert (forth.n, is_paired) == (3, False)
    assert forth.mean == pytest.approx(-0.3)
    assert back.mean == pytest.approx(0.3)
    assert back.p == pytest.approx(forth.p)


@pytest.mark.parametrize(
    ("direction", "verdict"), [("higher", "worse"), ("lower", "better"), ("none", "")]
)
def test_a_verdict_follows_the_direction(direction: str, verdict: str) -> None:
    frame = frame_of(
        rows("teacher", [0.8, 0.82, 0.84], direction=direction),
        rows("foundry", [0.6, 0.61, 0.62], direction=direction),
    )

    (found,) = results.compare(frame).to_dict("records")

    assert (found["is_beyond"], found["verdict"]) == (True, verdict)
    assert found["mean"] == pytest.approx(-0.21)
    assert found["reference"] == "teacher"


def test_a_reference_of_several_levels_is_that_of_the_same_level() -> None:
    frame = frame_of(
        *(rows("foundry", [0.5 + s / 100, 0.6, 0.7], supertokens=s) for s in (1, 4)),
        *(rows("dso", [0.4, 0.5 + s / 100, 0.6], supertokens=s) for s in (1, 4, 8)),
    )

    found = results.compare(frame, reference="foundry")

    assert found["supertokens"].tolist() == [1, 4]
    assert len(found.attrs["notes"]) == 1
    one = results.compare(frame, reference={"variant": "foundry", "supertokens": 4})
    assert one["variant"].tolist() == ["foundry", "dso", "dso", "dso"]


def test_an_unknown_reference_is_an_error() -> None:
    frame = frame_of(rows("foundry", [0.5]))

    with pytest.raises(FoundryError, match="foundry"):
        results.compare(frame, reference="foundri")
    with pytest.raises(FoundryError, match="variant"):
        results.compare(frame, reference={"variants": "foundry"})


def test_frames_are_paired_where_they_share_seeds() -> None:
    before = frame_of(rows("foundry", [0.5, 0.6, 0.7]), rows("gone", [0.5]))
    after = frame_of(rows("foundry", [0.55, 0.66, 0.74]), rows("new", [0.5]))

    found = results.compare_frames(before, after).set_index("variant")

    assert found["status"].to_dict() == {"foundry": "changed", "gone": "removed", "new": "added"}
    assert (found.loc["foundry", "num_pairs"], found.loc["foundry", "verdict"]) == (3, "better")
    assert set(results.compare_frames(before, before)["status"]) == {"same"}


def test_frames_without_shared_seeds_are_compared_by_welch() -> None:
    before = frame_of(rows("foundry", [0.5, 0.6, 0.7]))
    after = before.assign(seed=before["seed"] + 10, value=before["value"] + 0.3)

    (found,) = results.compare_frames(before, after).to_dict("records")

    test = stats.ttest_ind([0.8, 0.9, 1.0], [0.5, 0.6, 0.7], equal_var=False)
    assert found["num_pairs"] == 0
    assert found["p"] == pytest.approx(test.pvalue)


def test_two_deterministic_values_differ_beyond_doubt() -> None:
    before = frame_of(rows("teacher", [0.9] * 3, key="one"))
    after = frame_of(rows("teacher", [0.8] * 3, key="two"))

    (found,) = results.compare_frames(before, after).to_dict("records")

    assert (found["is_beyond"], found["verdict"]) == (True, "worse")


def test_a_front_honours_directions() -> None:
    points = {1: (0.1, 1.0), 2: (0.3, 2.0), 3: (0.2, 3.0)}
    frame = frame_of(
        *(
            rows("foundry", [y, y + 0.01, y + 0.02], supertokens=s, macs=macs)
            for s, (y, macs) in points.items()
        )
    )

    higher = results.pareto(frame)
    lower = results.pareto(frame.assign(direction="lower"))

    assert higher["supertokens"][higher["is_on_front"]].tolist() == [1, 2]
    assert lower["supertokens"][lower["is_on_front"]].tolist() == [1]
    with pytest.raises(FoundryError, match="direction"):
        results.pareto(frame.assign(direction="none"))
    with pytest.raises(FoundryError, match="accuracy"):
        results.pareto(frame, y="acuracy")


def test_a_metric_can_be_the_cost() -> None:
    frame = frame_of(
        *(rows("foundry", [s / 10] * 3, supertokens=s) for s in (1, 2)),
        *(
            rows("foundry", [3.0 - s] * 3, supertokens=s, metric="distance", direction="lower")
            for s in (1, 2)
        ),
    )

    found = results.pareto(frame, x="distance")

    assert found["x"].tolist() == [1.0, 2.0]
    assert found["is_on_front"].tolist() == [True, False]


def test_series_of_one_level_have_no_correlation() -> None:
    frame = frame_of(
        rows("foundry", [0.5, 0.6, 0.7], supertokens=4),
        rows("foundry", [0.1, 0.2, 0.3], supertokens=4, metric="distill_loss", direction="lower"),
    )

    assert results.correlation(frame).empty


@pytest.mark.parametrize("n", [3, 5, 12])
@pytest.mark.parametrize("sd", [0.0, 0.4, 2.0])
def test_power_is_that_of_the_earlier_report(n: int, sd: float) -> None:
    mine = results.power.smallest_resolvable(sd, n)

    assert mine == pytest.approx(earlier.smallest_resolvable(sd, n), rel=1e-6)
    for gap in (0.0, 0.01, 0.5, -3.0):
        for alpha in (0.05, 0.01):
            expected = earlier.seeds_needed(gap, sd, alpha=alpha)
            assert results.power.seeds_needed(gap, sd, alpha=alpha) == expected


def test_power_needs_a_spread() -> None:
    assert math.isnan(results.power.smallest_resolvable(math.nan, 3))
    assert math.isnan(results.power.smallest_resolvable(1.0, 2))
    assert results.power.seeds_needed(1.0, math.nan) is None
    assert results.power.seeds_needed(1.0, 1e-9) == 3


def test_a_metric_of_two_tasks_needs_the_task() -> None:
    other = frame_of(*(rows("foundry", [s / 10] * 3, supertokens=s, macs=s) for s in (1, 2)))
    other["task"], other["stage_key"], other["value"] = "db69", other["stage_key"] + "-", 0.9
    losses = frame_of(
        *(
            rows("foundry", [0.5 - s / 10, 0.4, 0.3], supertokens=s, metric="distill_loss")
            for s in (1, 2)
        )
    )
    losses["task"], losses["stage"] = "", "distill"
    frame = pd.concat(
        [
            frame_of(*(rows("foundry", [s / 10] * 3, supertokens=s, macs=s) for s in (1, 2))),
            other,
            losses,
        ],
        ignore_index=True,
    )

    for call in (results.pareto, results.correlation):
        with pytest.raises(FoundryError, match="classification, db69"):
            call(frame)
        with pytest.raises(FoundryError, match="task"):
            call(frame, task="none")
    assert results.pareto(frame, task="db69")["y"].tolist() == pytest.approx([0.9, 0.9])
    assert results.correlation(frame, task="classification")["n"].tolist() == [6]


def test_a_summary_of_nothing_has_all_columns() -> None:
    frame = gallery.frame_of("supertokens")
    summary = results.summarize(frame)
    empty = results.summarize(frame.head(0))
    assert empty.empty
    assert {"n", "mean", "sd", "low", "high", "is_constant"} <= set(empty) <= set(summary)
