import math
from collections.abc import Sequence

import numpy as np
import pytest

from foundry_bench.report.claims.finding import Finding, Limit, find_difference, find_fact
from foundry_bench.report.claims.places import Place
from foundry_bench.report.claims.verdicts import rule
from foundry_bench.report.statistics.intervals import TAIL, paired_difference

PLACE = Place("sweep", {}, "a teacher")
SIMULATED = 2000


def _finding(values: Sequence[float], value: float = 0.0, side: str = "above") -> Finding:
    by_seed = dict(enumerate(values))
    return find_difference(
        paired_difference(by_seed, dict.fromkeys(by_seed, 0.0)),
        Limit(value, side),  # type: ignore[arg-type]
        what="one against another",
        observed="",
        unit="points",
        place=PLACE,
        trials=(),
        sources=(str(values),),
    )


def _simulate(truth: float, n: int, num_comparisons: int = 1) -> dict[str, float]:
    """How often a claim of being above 0 comes out how, if the truth is `truth` everywhere."""
    random = np.random.default_rng(17)
    found = [
        rule([_finding(random.normal(truth, 1.0, n).tolist()) for _ in range(num_comparisons)])
        for _ in range(SIMULATED)
    ]
    outcomes = [each.outcome for each in found if each is not None]
    return {each: outcomes.count(each) / SIMULATED for each in ("holds", "fails", "undecided")}  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [3, 5])
def test_at_the_limit_a_verdict_is_wrong_as_rarely_as_it_says(n: int) -> None:
    shares = _simulate(0.0, n)

    assert shares["holds"] == pytest.approx(TAIL, abs=0.011)
    assert shares["fails"] == pytest.approx(TAIL, abs=0.011)


def test_what_is_so_holds_and_what_is_not_fails() -> None:
    assert _simulate(3.0, 5)["holds"] > 0.95
    assert _simulate(-3.0, 5)["fails"] > 0.95
    assert _simulate(0.3, 3)["undecided"] > 0.85


def test_many_true_comparisons_do_not_fail_by_chance() -> None:
    shares = _simulate(0.0, 4, num_comparisons=10)

    assert shares["fails"] <= TAIL + 0.011
    assert shares["holds"] < 0.001


def test_the_side_of_a_limit_counts() -> None:
    below = [_finding([0.1, 0.0, -0.1], 2.0, "below")]

    assert rule(below).outcome == "holds"  # type: ignore[union-attr]
    assert rule([_finding([0.1, 0.0, -0.1], -2.0, "below")]).outcome == "fails"  # type: ignore[union-attr]


def test_one_open_comparison_keeps_a_claim_from_holding() -> None:
    ruling = rule([_finding([1.0, 1.1, 0.9]), _finding([1.0, -0.8, 0.2])])

    assert ruling is not None
    assert ruling.outcome == "undecided"
    assert ruling.counts == "1 holds, 1 undecided"


def test_one_that_fails_for_sure_fails_the_claim() -> None:
    ruling = rule([_finding([1.0, 1.1, 0.9]), _finding([-1.0, -1.01, -0.99])])

    assert ruling is not None
    assert ruling.outcome == "fails"
    assert (ruling.counts, ruling.deciding) == ("1 holds, 1 fails", "")


def test_one_that_fails_by_itself_is_told_and_does_not_decide_among_many() -> None:
    weak = _finding([-1.0, -1.3, -0.7])
    ruling = rule([weak, *(_finding([1.0 + i, 1.1 + i, 0.9 + i]) for i in range(9))])

    assert weak.outcome == "fails"
    assert ruling is not None
    assert ruling.outcome == "undecided"
    assert ruling.counts == "9 hold, 1 fails, none for sure among so many"
    assert ruling.deciding == "about 5 seeds"


def test_the_seeds_that_would_decide_do_decide() -> None:
    values = [1.2, -0.4, 0.7]
    ruling = rule([_finding(values)])

    assert ruling is not None
    assert ruling.deciding == "about 24 seeds"
    random = np.random.default_rng(2)
    mean, sd = float(np.mean(values)), float(np.std(values, ddof=1))
    decided = [
        _finding(random.normal(mean, sd, 24).tolist()).outcome == "holds" for _ in range(1000)
    ]
    assert np.mean(decided) == pytest.approx(0.8, abs=0.05)


def test_what_no_number_of_seeds_decides_is_said() -> None:
    assert rule([_finding([1.0, -1.0, 0.0001])]).deciding == "more than 1000 seeds"  # type: ignore[union-attr]


@pytest.mark.parametrize("values", [[1.0], [1.0, 1.1]])
def test_few_seeds_decide_nothing(values: list[float]) -> None:
    ruling = rule([_finding(values)])

    assert ruling is not None
    assert ruling.outcome == "undecided"
    assert ruling.deciding in ("at least 3 seeds", "about 3 seeds")


def test_nothing_has_no_verdict() -> None:
    assert rule([]) is None


@pytest.mark.parametrize(("is_so", "outcome"), [(True, "holds"), (False, "fails")])
def test_what_no_seed_changes_needs_no_seeds(is_so: bool, outcome: str) -> None:
    fact = find_fact(
        is_so,
        what="a cost",
        place=PLACE,
        observed="37 %",
        asked="at most 38 %",
        value=0.37,
        records=("key",),
    )

    assert rule([fact]).outcome == outcome  # type: ignore[union-attr]
    assert math.isnan(fact.low)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (-1.0, "points", "above \N{MINUS SIGN}1 point"),
        (0.5, "points", "above 0.5 points"),
        (-0.8, "", "above \N{MINUS SIGN}0.8"),
        (0.0, "points", "above 0 points"),
    ],
)
def test_limits_are_written_as_short_as_they_can(value: float, unit: str, text: str) -> None:
    assert Limit(value, "above").text(unit) == text
