"""`profile latency` as stages: models timed side by side, a record for each way to run one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from foundry_bench.cost import machine
from foundry_bench.cost.counting import Pass
from foundry_bench.cost.engines import Workshop
from foundry_bench.cost.lanes import WHOLE, Conditions, Lane, Ready, make_ready
from foundry_bench.cost.subjects import Subject
from foundry_bench.cost.timing import quartiles, take_turns
from foundry_bench.errors import FoundryError
from foundry_bench.stage import Stage, StageResult

LATENCY_VERSION = 1
TASK = "latency"
MOST_COMPILED = 256
"""Networks of one class that torch keeps compiled; by default it falls back to eager at eight."""

Rounds = Mapping[Lane, Sequence[Mapping[str, float]]]


@dataclass(frozen=True)
class Timings:
    """What was measured together.

    Attributes:
        stages: a record each, of what was measured already.
        left_out: what could not be timed, and why.
        notes: what to know of the rest.
    """

    stages: tuple[Stage, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


class LatencyProfile:
    """Times a teacher and its students.

    A pass is the way of a batch of clouds to logits: FPS and kNN, by torch on the device, then the
    network.
    """

    def __init__(
        self,
        conditions: Conditions,
        *,
        rounds: int,
        is_shared: bool,
        told: Callable[[str], None],
    ) -> None:
        """`rounds`: turns of each lane; `is_shared`: whether others may use the GPU meanwhile,
        which marks the records; `told` hears what is at work.
        """
        self._conditions = conditions
        self._rounds, self._is_shared = rounds, is_shared
        self._told = told
        self._left_out: list[str] = []
        self._notes: list[str] = []

    def measure(self, lanes: Sequence[Lane], batches: Sequence[int]) -> Timings:
        """All lanes in turns, one size of batches after the other.

        A lane that cannot be built, or does not give eager's answers, is left out with a note.

        Raises:
            FoundryError: if another process uses the GPU and that was not allowed.
        """
        conditions = self._conditions
        self._left_out, self._notes = [], []
        with ExitStack() as stack:
            self._told("waiting for another measurement to end")
            stack.enter_context(machine.turn_on(conditions.device))
            self._refuse_neighbours()
            if any(lane.way.mode == "compiled" for lane in lanes):
                stack.enter_context(_many_compiled())
            stack.enter_context(_threads(conditions.threads))
            scratch = Path(stack.enter_context(TemporaryDirectory()))
            workshop = Workshop(scratch, conditions.threads, conditions.device)
            networks = self._networks([lane.subject for lane in lanes])
            stages = [
                stage
                for batch in batches
                for stage in self._measure_batch(lanes, batch, networks, workshop)
            ]
        return Timings(tuple(stages), tuple(self._left_out), tuple(self._notes))

    def _refuse_neighbours(self) -> None:
        device = self._conditions.device
        if device.type != "cuda" or self._is_shared:
            return
        if found := machine.gpu_neighbours(device.index or 0):
            raise FoundryError(
                f"the GPU is in use by {', '.join(found)}, so times would be of both; wait, or "
                "give --shared, which marks the rows"
            )

    def _networks(self, subjects: Sequence[Subject]) -> dict[Subject, Pass]:
        conditions = self._conditions
        teacher = conditions.source.build()
        return {
            subject: conditions.network(subject, teacher).to(conditions.device)
            for subject in dict.fromkeys(subjects)
        }

    def _measure_batch(
        self,
        lanes: Sequence[Lane],
        batch: int,
        networks: Mapping[Subject, Pass],
        workshop: Workshop,
    ) -> list[Stage]:
        load = machine.load_average()
        ready = self._warmed_up(lanes, batch, networks, workshop)
        others = machine.OtherWork()
        rounds = take_turns(
            {lane: (each.turn, each.warm.calls) for lane, each in ready.items()},
            self._rounds,
            lambda done: self._told(f"batch {batch}: round {done} of {self._rounds}"),
        )
        busy, state = others.cores(), machine.gpu_state(self._conditions.device)
        if machine.is_busy(busy):
            self._notes.append(
                f"batch {batch}: others kept {busy:.1f} cores busy meanwhile (load average before: "
                f"{load:.1f}); times of an idle machine would be shorter"
            )
        seen = {"load_average": load} | state | ({} if busy is None else {"other_cores": busy})
        measured = datetime.now(UTC).isoformat(timespec="seconds")
        return [
            self._stage(lane, batch, measured, metrics_of(lane, rounds, ready[lane]) | seen)
            for lane in ready
        ]

    def _warmed_up(
        self,
        lanes: Sequence[Lane],
        batch: int,
        networks: Mapping[Subject, Pass],
        workshop: Workshop,
    ) -> dict[Lane, Ready]:
        ready: dict[Lane, Ready] = {}
        names = {subject: str(number) for number, subject in enumerate(networks)}
        for number, lane in enumerate(lanes, start=1):
            self._told(f"batch {batch}: warming up {number} of {len(lanes)}, {lane}")
            subject = lane.subject
            try:
                made = make_ready(lane, names[subject], networks[subject], batch, workshop)
            except Exception as error:
                self._left_out.append(f"left out: {lane}, batch {batch}: {_reason(error)}")
            else:
                ready[lane] = made
        unstable = [str(lane) for lane, each in ready.items() if not each.warm.is_stable]
        if unstable:
            self._notes.append(
                f"batch {batch}: still changing after the warm-up: {', '.join(unstable)}"
            )
        return ready

    def _stage(self, lane: Lane, batch: int, measured: str, metrics: dict[str, float]) -> Stage:
        """A time is of a device and of a moment: both are in the key, so that none is ever taken
        for another.
        """
        conditions = self._conditions
        config = {
            "profile": TASK,
            **conditions.config(lane, batch),
            "shared": self._is_shared,
            "measured": measured,
        }

        return Stage(
            "profile",
            LATENCY_VERSION,
            config,
            lambda context: StageResult(metrics),
            fingerprints=lane.subject.fingerprints(conditions.source),
            task=TASK,
            packages=lane.way.packages,
        )


def metrics_of(lane: Lane, rounds: Rounds, ready: Ready) -> dict[str, float]:
    """A record's numbers: `latency_ms_median`, `_q1`, `_q3` and `_n` (rounds) of a whole pass;
    `latency_ms_<part>`, `_<part>_q1` and `_<part>_q3`; `ratio_to_teacher` (with `_q1`, `_q3`), the
    median over rounds of this time over the teacher's in the same round and way.
    """
    own = rounds[lane]
    low, middle, high = quartiles([each[WHOLE] for each in own])
    metrics = {
        "latency_ms_median": middle,
        "latency_ms_q1": low,
        "latency_ms_q3": high,
        "latency_n": float(len(own)),
        "calls_a_round": float(ready.warm.calls),
        "is_stable": float(ready.warm.is_stable),
        "output_difference": ready.apart,
    }
    for part in own[0]:
        if part != WHOLE:
            low, middle, high = quartiles([each[part] for each in own])
            name = f"latency_ms_{part}"
            metrics |= {name: middle, f"{name}_q1": low, f"{name}_q3": high}
    teachers = rounds.get(Lane(Subject(None), lane.way))
    if teachers is not None:
        ratios = [mine[WHOLE] / its[WHOLE] for mine, its in zip(own, teachers, strict=True)]
        low, middle, high = quartiles(ratios)
        name = "ratio_to_teacher"
        metrics |= {name: middle, f"{name}_q1": low, f"{name}_q3": high}
    return metrics


def _reason(error: Exception) -> str:
    """The first line: the rest tells how to mend torch."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def _threads(num: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(num)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _many_compiled() -> Iterator[None]:
    import torch._dynamo

    with torch._dynamo.config.patch(cache_size_limit=MOST_COMPILED):
        yield
