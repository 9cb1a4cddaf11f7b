"""What is timed, as records; times themselves are nobody's promise."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from foundry_bench.config.settings import TeacherSettings
from foundry_bench.cost import latency, machine
from foundry_bench.cost.counting import PARTS, Pass
from foundry_bench.cost.lanes import Conditions, Lane, Ready, lanes_of, make_ready
from foundry_bench.cost.latency import LatencyProfile, metrics_of
from foundry_bench.cost.subjects import Subject
from foundry_bench.cost.timing import Warm
from foundry_bench.cost.ways import Way
from foundry_bench.errors import FoundryError
from foundry_bench.stage import Stage
from foundry_bench.store import Store
from foundry_bench.students.foundry import FoundrySettings
from foundry_bench.teachers.preset import TeacherSource, teacher_source
from foundry_bench.testing import tiny_preset

TEACHER, STUDENT = Subject(None), Subject(FoundrySettings(supertokens=3))
EAGER = Way()


@pytest.fixture
def source(tmp_path: Path) -> TeacherSource:
    return teacher_source(TeacherSettings(preset=str(tiny_preset(tmp_path)), weights="random"))


def profile(source: TeacherSource, **changes: Any) -> LatencyProfile:
    conditions = Conditions(source, 5, 1, changes.pop("device", torch.device("cpu")))
    given = {"rounds": 2, "is_shared": False, "told": lambda words: None}
    return LatencyProfile(conditions, **given | changes)


@pytest.fixture
def swift(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time for warming up."""
    monkeypatch.setattr("foundry_bench.cost.timing.WINDOW_MS", 0.1)
    monkeypatch.setattr("foundry_bench.cost.timing.TURN_MS", 0.1)


@pytest.mark.usefixtures("swift")
def test_a_record_says_what_was_timed_and_where(source: TeacherSource, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    lanes = lanes_of([TEACHER, STUDENT], [EAGER, Way("eager", "bf16")])
    timings = profile(source).measure(lanes, [1, 4])
    assert torch.get_num_threads() == before
    assert timings.left_out == ()
    store = Store(tmp_path / "store")
    records = [store.get_or_run(stage, lambda progress: None).record for stage in timings.stages]
    assert [
        (record.config["batch"], bool(record.config["student"]), record.config["precision"])
        for record in records
    ] == [
        (batch, is_student, precision)
        for batch in (1, 4)
        for is_student in (False, True)
        for precision in ("fp32", "bf16")
    ]
    for record in records:
        assert (record.stage, record.task, record.status) == ("profile", "latency", "done")
        assert record.config["mode"] == "eager"
        assert record.config["threads"] == 1
        assert record.config["hardware"] == machine.fingerprint(torch.device("cpu"))
        numbers = record.metrics
        quartiles = [numbers[f"latency_ms_{name}"] for name in ("q1", "median", "q3")]
        assert 0 < quartiles[0] <= quartiles[1] <= quartiles[2]
        assert numbers["latency_n"] == 2
        parts = set(PARTS) - (set() if record.config["student"] else {"upsample"})
        assert {part for part in PARTS if f"latency_ms_{part}" in numbers} == parts
        assert numbers["latency_ms_network"] > numbers["latency_ms_encode"] > 0
        assert numbers["load_average"] >= 0
    teachers = [record for record in records if not record.config["student"]]
    assert {record.metrics["ratio_to_teacher"] for record in teachers} == {1.0}


@pytest.mark.usefixtures("swift")
def test_no_measurement_is_taken_for_another(
    source: TeacherSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: set[str] = set()
    for cores, minute in ((2, "00"), (2, "01"), (4, "01")):
        print_ = {"kind": "cpu", "name": "x", "cpu": "x", "cores": cores}
        monkeypatch.setattr(machine, "fingerprint", lambda device, print_=print_: print_)
        moment = SimpleNamespace(isoformat=lambda timespec, minute=minute: f"12:{minute}")
        monkeypatch.setattr(latency, "datetime", SimpleNamespace(now=lambda zone, m=moment: m))
        keys |= {stage.key for stage in profile(source).measure([Lane(TEACHER, EAGER)], [1]).stages}
    assert len(keys) == 3


@pytest.mark.usefixtures("swift")
def test_a_ratio_is_taken_within_each_round() -> None:
    lane, teacher = Lane(STUDENT, EAGER), Lane(TEACHER, EAGER)
    rounds = {
        teacher: [{"whole": 10.0}, {"whole": 40.0}, {"whole": 10.0}],
        lane: [{"whole": 5.0}, {"whole": 20.0}, {"whole": 8.0}],
    }
    ready = Ready(lambda calls: {}, Warm(4, is_stable=True), 0.0)
    found = metrics_of(lane, rounds, ready)
    assert found["ratio_to_teacher"] == 0.5
    assert found["latency_ms_median"] == 8.0
    other = Lane(STUDENT, Way("compiled"))
    alone = metrics_of(other, {teacher: rounds[teacher], other: rounds[lane]}, ready)
    assert "ratio_to_teacher" not in alone


@pytest.mark.usefixtures("swift")
def test_a_compiled_network_that_says_something_else_is_left_out(
    source: TeacherSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compiled(network: Pass, dynamic: bool) -> Any:
        return lambda neighbors, centers: 1.5 * network(neighbors, centers)

    monkeypatch.setattr(torch, "compile", compiled)
    timings = profile(source).measure(lanes_of([TEACHER], [EAGER, Way("compiled")]), [1])
    assert [stage.config["mode"] for stage in timings.stages] == ["eager"]
    assert timings.left_out == (
        "left out: teacher compiled:fp32, batch 1: its logits differ from eager's by 0.5 of the "
        "largest one in the median cloud, expected at most 0.001",
    )


@pytest.mark.usefixtures("swift")
def test_what_cannot_be_built_ends_nothing_else(
    source: TeacherSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(lane: Lane, *given: Any) -> Ready:
        if lane.subject == STUDENT:
            raise RuntimeError("no kernel\nread the manual")
        return make_ready(lane, *given)

    monkeypatch.setattr(latency, "make_ready", made)
    timings = profile(source).measure(lanes_of([TEACHER, STUDENT], [EAGER]), [2])
    assert len(timings.stages) == 1
    assert timings.left_out == ("left out: foundry s=3 eager:fp32, batch 2: no kernel",)


@pytest.mark.usefixtures("swift")
def test_a_busy_machine_is_told_and_recorded(
    source: TeacherSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.OtherWork, "cores", lambda self: 64.0)
    monkeypatch.setattr(machine, "load_average", lambda: 9.0)
    timings = profile(source).measure([Lane(TEACHER, EAGER)], [1])
    assert any("others kept 64.0 cores busy meanwhile" in note for note in timings.notes)
    metrics = _metrics(timings.stages[0])
    assert (metrics["other_cores"], metrics["load_average"]) == (64.0, 9.0)


def test_a_gpu_in_use_is_refused_unless_shared(
    source: TeacherSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "gpu_neighbours", lambda index: ["process 8 (train.py)"])
    properties = SimpleNamespace(uuid="1234")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: properties)
    device = torch.device("cuda")
    with pytest.raises(FoundryError, match=r"in use by process 8 \(train.py\).*--shared"):
        profile(source, device=device).measure([Lane(TEACHER, EAGER)], [1])
    assert profile(source, device=device, is_shared=True).measure([], []).stages == ()


def _metrics(stage: Stage) -> dict[str, float]:
    given: Any = None
    return dict(stage.run(given).metrics)
