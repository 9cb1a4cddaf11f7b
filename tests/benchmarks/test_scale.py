"""The script of thousands of trials, with a few."""

import pytest

from benchmarks.scale import measure, pace_ms


def test_the_pace_is_the_mean_time_between_ends() -> None:
    assert pace_ms([10.0, 10.5, 11.5, 12.0]) == pytest.approx(2000 / 3)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_sweep_of_stages_that_do_nothing_ends_mirrored() -> None:
    found = measure(trials=40, slots=2)
    assert found["is_mirrored"]
    assert found["last_tenth_ms"] > 0
    assert found["plan_s"] < 5
