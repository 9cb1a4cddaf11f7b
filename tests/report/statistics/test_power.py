import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from foundry_bench.report.statistics.power import MOST_SEEDS, seeds_needed, smallest_resolvable


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


@pytest.mark.parametrize(("ratio", "expected"), [(0.5, 34), (1.0, 10), (2.0, 5)])
def test_seeds_needed_are_those_of_the_tables(ratio: float, expected: int) -> None:
    # Cohen (1988): a paired t-test, two-sided at 5 %, power 80 %
    assert seeds_needed(ratio * 3.0, 3.0) == expected
    assert seeds_needed(-ratio * 3.0, 3.0) == expected


def test_seeds_needed_resolve_what_they_are_for() -> None:
    enough = seeds_needed(1.3, 2.0)

    assert enough is not None
    assert smallest_resolvable(2.0, enough) <= 1.3 < smallest_resolvable(2.0, enough - 1)
    corrected = seeds_needed(1.3, 2.0, alpha=0.05 / 20)
    assert corrected is not None
    assert corrected > enough


def test_seeds_needed_at_the_edges() -> None:
    assert seeds_needed(100.0, 1.0) == 3
    assert seeds_needed(1.0, 0.0) == 3
    assert seeds_needed(1.0, 1e-12) == 3
    assert seeds_needed(0.0, 1.0) is None
    assert seeds_needed(0.0, 0.0) is None
    assert seeds_needed(1.0, math.nan) is None
    assert seeds_needed(2.5 / math.sqrt(MOST_SEEDS), 1.0) is None
