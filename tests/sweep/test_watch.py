from concurrent.futures import ThreadPoolExecutor

import pytest

from foundry_bench.stage import Progress
from foundry_bench.sweep.watch import EPOCHS, LOSS, NOTHING, Stopped, Watch


def epoch(number: int, loss: float, **more: float) -> Progress:
    return Progress("distill", None, number, 2, {"loss": loss, **more})


def test_a_scheduler_sees_the_running_mean_over_seeds() -> None:
    watch = Watch()
    assert watch.last == NOTHING
    assert watch.see("first", Progress("distill", None, 0, 0)) == {}
    assert watch.see("first", epoch(1, 0.8)) == {EPOCHS: 1, LOSS: 0.8}
    assert watch.see("first", epoch(2, 0.4)) == {EPOCHS: 2, LOSS: 0.4}
    assert watch.see("first", Progress("evaluate", "probe", 1, 1, {"loss": 9.0})) == {}
    second = watch.see("second", epoch(1, 0.6))
    assert second == watch.last == {EPOCHS: 3, LOSS: 0.5}


def test_penalties_do_not_count() -> None:
    assert Watch().see("gated", epoch(1, -3.0, token_loss=0.5)) == {EPOCHS: 1, LOSS: 0.5}


def test_a_group_goes_on_once_it_is_let() -> None:
    watch = Watch()
    watch.let_go_on()  # nothing waits: that is no leave for later
    watch.see("first", epoch(1, 0.8))
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(watch.wait)
        assert not waiting.done()
        watch.let_go_on()
        waiting.result(timeout=5)


def test_a_stopped_group_ends_where_it_waits() -> None:
    watch = Watch()
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(watch.wait)
        watch.stop()
        with pytest.raises(Stopped):
            waiting.result(timeout=5)
        with pytest.raises(Stopped):
            thread.submit(watch.wait).result(timeout=5)


def test_what_stops_a_group_is_no_error_of_its_stage() -> None:
    assert not issubclass(Stopped, Exception)
