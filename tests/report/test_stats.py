import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from foundry_bench.report.stats import (
    holm,
    mean_interval,
    paired_difference,
    rank_correlation,
    smallest_resolvable,
)


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


def test_intervals_cover_as_they_say() -> None:
    random = np.random.default_rng(1)
    found = [mean_interval(random.normal(5.0, 2.0, 3).tolist()) for _ in range(2000)]

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


def test_smallest_resolvable_has_its_power() -> None:
    shift = smallest_resolvable(2.0, 5)

    random = np.random.default_rng(0)
    samples = random.normal(shift, 2.0, (20_000, 5))
    found = np.mean(scipy_stats.ttest_1samp(samples, 0.0, axis=1).pvalue < 0.05)
    assert found == pytest.approx(0.8, abs=0.01)


def test_smallest_resolvable_at_the_edges() -> None:
    assert math.isnan(smallest_resolvable(1.0, 2))
    assert math.isnan(smallest_resolvable(math.nan, 3))
    assert smallest_resolvable(0.0, 3) == 0.0
    assert smallest_resolvable(1.0, 3) > smallest_resolvable(1.0, 10)


def _sweep(
    random: np.random.Generator, n: int, noise: tuple[float, float], slope: float
) -> tuple[list[float], list[float], list[int]]:
    levels = [level for level in range(5) for _ in range(n)]
    x = [-level + noise[0] * random.normal() for level in levels]
    y = [slope * level + noise[1] * random.normal() for level in levels]
    return x, y, levels


def test_rank_correlation_is_spearmans_and_repeatable() -> None:
    x, y, levels = _sweep(np.random.default_rng(4), 3, (0.3, 0.7), 0.6)

    found = rank_correlation(x, y, levels)

    assert found.rho == pytest.approx(scipy_stats.spearmanr(x, y).statistic)
    assert (found.n, found.levels) == (15, 5)
    assert found.low < found.rho < found.high
    assert found == rank_correlation(x, y, levels)


def test_rank_correlation_needs_seeds_and_levels() -> None:
    two_seeds = rank_correlation([4.0, 3.5, 2.0, 1.0], [1.0, 2.0, 3.0, 4.0], [1, 1, 2, 2])
    assert two_seeds.rho == pytest.approx(-1.0)
    assert math.isnan(two_seeds.low)
    assert math.isnan(rank_correlation([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1, 1, 1]).low)
    assert math.isnan(rank_correlation([1.0] * 6, [1.0, 2.0] * 3, [1] * 3 + [2] * 3).rho)
    assert math.isnan(rank_correlation([], [], []).rho)


def test_perfect_order_keeps_finite_bounds() -> None:
    x = [float(value) for value in range(9)]

    found = rank_correlation(x, x, [0, 0, 0, 1, 1, 1, 2, 2, 2])

    assert found.rho == pytest.approx(1.0)
    assert -1 <= found.low <= found.high <= 1


@pytest.mark.slow
@pytest.mark.parametrize(("n", "low"), [(3, 0.89), (5, 0.92), (10, 0.91)])
@pytest.mark.parametrize(("noise", "slope"), [((0.3, 0.7), 0.6), ((0.5, 1.0), 0.0)])
def test_rank_correlation_covers_as_its_docstring_says(
    n: int, low: float, noise: tuple[float, float], slope: float
) -> None:
    random = np.random.default_rng(11)
    x, y, _ = _sweep(random, 4000, noise, slope)
    truth = scipy_stats.spearmanr(x, y).statistic

    found = [rank_correlation(*_sweep(random, n, noise, slope)) for _ in range(400)]

    covered = np.mean([each.low <= truth <= each.high for each in found])
    assert low <= covered <= 0.985
