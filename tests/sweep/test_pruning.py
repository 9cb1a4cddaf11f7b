"""Ray's schedulers as a search uses them, fed without Ray."""

from dataclasses import dataclass
from typing import Any, Literal

import pytest
from ray.tune.schedulers import TrialScheduler

from foundry_bench.sweep.ray_engine import Pruning
from foundry_bench.sweep.watch import EPOCHS, LOSS, NOTHING

SCHEDULERS: tuple[Literal["asha", "median"], ...] = ("asha", "median")


@dataclass(eq=False)
class Group:
    """A trial of Tune, as far as a scheduler looks at it."""

    trial_id: str


class Controller:
    """Of Tune: trials are waiting, so that a scheduler that pauses would do so."""

    def get_live_trials(self) -> list[Any]:
        class Pending:
            status = "PENDING"

        return [Pending()]


def decisions(scheduler: Any, name: str, losses: list[float]) -> list[str]:
    """What is decided after each epoch of a group, up to the first that is not to go on."""
    group, found = Group(name), []
    scheduler.on_trial_add(Controller(), group)
    for epoch, loss in enumerate(losses, 1):
        result = {EPOCHS: epoch, LOSS: loss}
        found.append(scheduler.on_trial_result(Controller(), group, result))
        if found[-1] != TrialScheduler.CONTINUE:
            break
    scheduler.on_trial_complete(Controller(), group, result)
    return found


def ablation(scheduler: Any) -> None:
    """A group that is not watched, from its beginning to its end."""
    group = Group("ablation")
    scheduler.on_trial_add(Controller(), group)
    report = {"trial": "ablation"}
    assert scheduler.on_trial_result(Controller(), group, report) == TrialScheduler.CONTINUE
    scheduler.on_trial_complete(Controller(), group, dict(NOTHING))


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_group_that_falls_behind_is_stopped_and_no_other(name: Literal["asha", "median"]) -> None:
    scheduler = Pruning(name, epochs=8, grace=2).build()
    ablation(scheduler)
    for number in range(4):
        falling = [1 / epoch - number / 100 for epoch in range(1, 9)]
        assert set(decisions(scheduler, f"good{number}", falling)) == {TrialScheduler.CONTINUE}
    behind = decisions(scheduler, "behind", [5.0] * 8)
    assert behind == [TrialScheduler.CONTINUE, TrialScheduler.STOP]
    assert set(decisions(scheduler, "best", [0.01] * 8)) == {TrialScheduler.CONTINUE}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_last_epoch_does_not_end_a_group_that_has_its_tasks_to_run(
    name: Literal["asha", "median"],
) -> None:
    scheduler = Pruning(name, epochs=2, grace=2).build()
    assert set(decisions(scheduler, "first", [1.0, 0.5, 0.5])) == {TrialScheduler.CONTINUE}
