import pytest

from foundry_bench.sweep.execution import Outcome
from foundry_bench.sweep.summary import cost


@pytest.mark.parametrize(
    ("num_run", "stage_s", "text"),
    [
        (0, 0.0, "nothing to run: 0 trials had ended"),
        (3, 0.0, "3 trials in 0:10 on 2 slots; no stage had to run"),
        (3, 16.0, "3 trials in 0:10 on 2 slots; stages took 0:16, overhead 25.0%"),
    ],
)
def test_trials_that_found_all_in_the_store_were_run_all_the_same(
    num_run: int, stage_s: float, text: str
) -> None:
    outcome = Outcome([], num_run, wall_s=10, stage_s=stage_s, slots=2, is_mirrored=True)
    assert cost(outcome) == text
