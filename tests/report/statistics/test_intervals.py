import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from foundry_bench.report.statistics.intervals import TAIL, holm, mean_interval, paired_difference


def test_interval_is_students() -> None:
    values = [93.1, 94.0, 92.5]

    found = mean_interval(values)

    low, high = scipy_stats.t.interval(0.95, 2, loc=np.mean(values), scale=scipy_stats.sem(values))
    assert (found.mean, found.low, found.high) == pytest.approx((np.mean(values), low, high))
    assert found.n == 3


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0]])
def test_fewer_than_three_seeds_have_no_interval(values: list[float]) -> None:
    found = mean_interval(values)

    assert found.n == len(values)
    assert not found.is_bounded


@pytest.mark.parametrize("n", [3, 5, 10])
def test_intervals_cover_as_they_say(n: int) -> None:
    random = np.random.default_rng(1)
    found = [mean_interval(random.normal(5.0, 2.0, n).tolist()) for _ in range(2000)]

    covered = np.mean([each.low <= 5.0 <= each.high for each in found])

    assert 0.93 <= covered <= 0.97


def test_paired_difference_is_a_paired_t_test() -> None:
    values = {0: 94.1, 1: 93.2, 2: 95.0, 7: 1.0}
    reference = {0: 92.0, 1: 92.2, 2: 92.1, 9: 50.0}

    found = paired_difference(values, reference)

    test = scipy_stats.ttest_rel([94.1, 93.2, 95.0], [92.0, 92.2, 92.1])
    interval = test.confidence_interval(0.95)
    assert found.n == 3
    assert (found.p, found.low, found.high) == pytest.approx(
        (test.pvalue, interval.low, interval.high)
    )
    assert found.is_beyond == (found.p < 0.05)


def test_paired_difference_without_spread_or_seeds() -> None:
    same = {0: 1.0, 1: 2.0, 2: 3.0}

    assert paired_difference(same, same).p == 1.0
    assert paired_difference({seed: v + 1 for seed, v in same.items()}, same).p == 0.0
    assert paired_difference({0: 1.0}, {1: 1.0}).n == 0
    assert math.isnan(paired_difference({0: 1.0}, {0: 2.0}).p)


def test_holm_on_a_known_answer() -> None:
    # Holm (1979): 0.01 x 4, then 0.013 x 3, 0.014 x 2 (kept monotone), 0.19 x 1
    assert holm([0.01, 0.013, math.nan, 0.014, 0.19]) == pytest.approx(
        [0.04, 0.04, math.nan, 0.04, 0.19], nan_ok=True
    )
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_one_sided_tests_are_students() -> None:
    values = {0: 94.1, 1: 93.2, 2: 95.0, 3: 93.0}
    reference = {0: 94.0, 1: 94.0, 2: 95.1, 3: 93.5}
    shifted = [values[seed] - reference[seed] + 1.0 for seed in values]

    found = paired_difference(values, reference)

    above = scipy_stats.ttest_1samp(shifted, 0.0, alternative="greater").pvalue
    assert found.p_above(-1.0) == pytest.approx(above)
    assert found.p_below(-1.0) == pytest.approx(1 - above)


@pytest.mark.parametrize("bound", [-2.0, -1.0, 0.0, 1.0])
def test_a_one_sided_test_says_what_the_interval_shows(bound: float) -> None:
    random = np.random.default_rng(8)
    for _ in range(200):
        values = dict(enumerate(random.normal(0.0, 1.0, 4).tolist()))

        found = paired_difference(values, dict.fromkeys(values, 0.0))

        assert (found.p_above(bound) < TAIL) == (found.low > bound)
        assert (found.p_below(bound) < TAIL) == (found.high < bound)


def test_non_inferiority_errs_as_rarely_as_it_says() -> None:
    random = np.random.default_rng(3)
    zero = dict.fromkeys(range(5), 0.0)
    at_the_margin = random.normal(-1.0, 0.7, (4000, 5)).tolist()

    found = [paired_difference(dict(enumerate(each)), zero).p_above(-1.0) for each in at_the_margin]

    assert np.mean(np.array(found) < TAIL) == pytest.approx(TAIL, abs=0.007)


def test_one_sided_tests_without_spread_or_seeds() -> None:
    two = paired_difference({0: 1.0, 1: 2.0}, {0: 0.0, 1: 0.0})
    same = paired_difference(dict.fromkeys(range(3), 1.0), dict.fromkeys(range(3), 0.0))

    assert math.isnan(two.p_above(0.0))
    assert math.isnan(two.p_below(0.0))
    assert (same.p_above(0.5), same.p_above(1.0)) == (0.0, 1.0)
    assert (same.p_below(0.5), same.p_below(2.0)) == (1.0, 0.0)
