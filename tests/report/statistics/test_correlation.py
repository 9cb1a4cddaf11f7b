import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats as scipy_stats

from foundry_bench.report.statistics.correlation import COVERAGE, coverage_text, rank_correlation
from foundry_bench.report.statistics.intervals import TAIL


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
    assert found.seeds == 3


@pytest.mark.parametrize("bound", [-0.95, -0.8, -0.5, 0.0, 0.4])
def test_one_sided_p_values_say_what_the_interval_shows(bound: float) -> None:
    found = rank_correlation(*_sweep(np.random.default_rng(4), 5, (0.3, 0.7), 0.6))

    assert (found.p_below(bound) < TAIL) == (found.high < bound)
    assert (found.p_above(bound) < TAIL) == (found.low > bound)


def test_rank_correlation_needs_seeds_and_levels() -> None:
    two_seeds = rank_correlation([4.0, 3.5, 2.0, 1.0], [1.0, 2.0, 3.0, 4.0], [1, 1, 2, 2])
    assert two_seeds.rho == pytest.approx(-1.0)
    assert math.isnan(two_seeds.low)
    assert math.isnan(two_seeds.p_below(0.0))
    assert math.isnan(rank_correlation([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1, 1, 1]).low)
    assert math.isnan(rank_correlation([1.0] * 6, [1.0, 2.0] * 3, [1] * 3 + [2] * 3).rho)
    assert math.isnan(rank_correlation([], [], []).rho)


def test_perfect_order_keeps_finite_bounds() -> None:
    x = [float(value) for value in range(9)]

    found = rank_correlation(x, x, [0, 0, 0, 1, 1, 1, 2, 2, 2])

    assert found.rho == pytest.approx(1.0)
    assert -1 <= found.low <= found.high <= 1


def test_the_coverage_is_told_by_seeds() -> None:
    assert coverage_text(3) == "covers 87-100 % at n = 3 in simulations"
    assert coverage_text(7) == "covers 89-99 % at n = 5 in simulations"
    assert coverage_text(40) == "covers 91-96 % at n = 10 in simulations"


def test_what_is_told_bounds_every_row_of_the_documents_table() -> None:
    text = (Path(__file__).parents[3] / "docs" / "statistics.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("| ") and line.count("|") == 8]
    measured = [[float(cell) for cell in line.split("|")[2:8]] for line in lines[1:]]
    assert len(measured) == 7
    for place, n in enumerate(COVERAGE):
        column = [round(row[at]) for row in measured for at in (place, place + 3)]
        assert COVERAGE[n] == (min(column), max(column))


@pytest.mark.slow
@pytest.mark.parametrize("n", COVERAGE)
@pytest.mark.parametrize(("noise", "slope"), [((0.3, 0.7), 0.6), ((0.5, 1.0), 0.0)])
def test_intervals_cover_as_they_are_said_to(
    n: int, noise: tuple[float, float], slope: float
) -> None:
    random = np.random.default_rng(11)
    x, y, _ = _sweep(random, 4000, noise, slope)
    truth = scipy_stats.spearmanr(x, y).statistic

    found = [rank_correlation(*_sweep(random, n, noise, slope)) for _ in range(400)]

    low, high = COVERAGE[n]
    covered = 100 * np.mean([each.low <= truth <= each.high for each in found])
    assert low - 3 <= covered <= high + 1.5
