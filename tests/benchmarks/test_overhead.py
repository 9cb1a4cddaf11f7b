"""Where the time of a sweep goes, from what its stages noted."""

import pytest

from benchmarks.overhead import measure, parts
from foundry_bench.record import Record


def stage(process: int, process_s: float, began_s: float, ended_s: float) -> Record:
    timings = {"process_s": process_s, "began_s": began_s, "ended_s": ended_s}
    return Record(
        key=f"{began_s}",
        stage="evaluate",
        stage_version=1,
        status="done",
        config={},
        inputs={},
        seed=0,
        timings={"process": process, **timings},
    )


def test_the_wall_clock_falls_into_its_parts() -> None:
    first = [stage(1, 105.0, 108.0, 118.0), stage(1, 105.01, 118.5, 128.5)]
    second = [stage(2, 105.0, 109.0, 119.0)]
    assert parts([*second, *first], began_s=100.0, ended_s=130.0) == {
        "start": 5.0,
        "worker": 3.5,
        "between": 0.25,
        "tail": 9.5,
        "end": 1.5,
    }


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_overhead_is_measured() -> None:
    found = measure(trials=3, stage_s=1.0, slots=2)
    assert found["wall_s"] > 2
    assert found["even"] <= found["overhead"]
    assert min(found["parts"].values()) >= 0
    assert sum(found["parts"].values()) < found["wall_s"]
