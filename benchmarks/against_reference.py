"""Distillation here against the same in the way of the field's published code, timed in turns.

    python benchmarks/against_reference.py [--quick] [--preset tiny] [--threads 1] [--json FILE]

(a) one student whose tokenizer trains: the same computation on both sides. (b) what a sweep does by
default, five students on cached tokens of fixed views, the cache's filling included, against five
such trainings. Prints both ratios, (b) on the last line. `reference.py` holds the other side. Both
sides have the same number of threads; a sweep runs a training a core on one thread each.
"""

import argparse
import statistics
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from bench import Clock, seconds_of, write
from reference import Training, as_published
from workload import ONLINE, Workload

from foundry_bench.data.dataset import subsample

SIZES = (1, 2, 4, 8, 16)
ONE = 16
QUICK = {"clouds": 128, "epochs": 6, "rounds": 1}


@dataclass(frozen=True)
class Round:
    """Seconds of one measurement of everything.

    Attributes:
        reference: by SuperTokens, of a training in the way of the published code.
        one: of ours for `ONE` SuperTokens, the tokenizer trained.
        fill: of the cache.
        five: by SuperTokens, of ours on the cache.
    """

    reference: dict[int, float]
    one: float
    fill: float
    five: dict[int, float]

    @property
    def a(self) -> float:
        """How many times as long the reference takes for one student."""
        return self.reference[ONE] / self.one

    @property
    def b(self) -> float:
        """How many times as long it takes for five."""
        return sum(self.reference.values()) / (self.fill + sum(self.five.values()))


def measure(work: Workload, clock: Clock) -> Round:
    """Each training of ours right after that of the reference with as many SuperTokens."""
    points_NP3 = torch.from_numpy(
        subsample(work.dataset, work.dataset.pool, work.source.architecture.points)
    )
    reference, five = {}, {}

    def by_reference(supertokens: int) -> None:
        settings = work.settings(tokenizer=True)
        student, teacher = work.student(supertokens, settings), work.teacher()
        as_published(student)
        as_published(teacher)
        training = Training(student, teacher, points_NP3, settings, ONLINE)
        for _ in range(work.epochs):
            training.epoch()

    def by_ours() -> None:
        work.distill(ONE, work.online(on_patches=True), tokenizer=True)

    with TemporaryDirectory() as name:
        folder = Path(name)
        fill = seconds_of(lambda: work.fill_cache(folder), clock, work.device)
        for supertokens in SIZES:
            reference[supertokens] = seconds_of(
                lambda size=supertokens: by_reference(size),  # type: ignore[misc]
                clock,
                work.device,
            )
            five[supertokens] = seconds_of(
                lambda size=supertokens: work.distill(size, work.cached(folder)),  # type: ignore[misc]
                clock,
                work.device,
            )
        one = seconds_of(by_ours, clock, work.device)
    return Round(reference, one, fill, five)


def _warm_up(work: Workload) -> None:
    """Load and compile what the first call of anything does; the clouds, too."""
    assert len(work.dataset.pool)
    measure(replace(work, clouds=work.batch, epochs=1), "wall")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help=f"as {QUICK}")
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--precision", default="float32", help="ours; the reference has float32")
    parser.add_argument("--clouds", type=int, default=512)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", default="wall", choices=["wall", "cpu"])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.quick:
        parser.set_defaults(**QUICK)
        options = parser.parse_args()
    torch.set_num_threads(options.threads)
    work = Workload(
        options.preset,
        options.clouds,
        options.epochs,
        options.batch,
        options.precision,
        options.device,
    )
    _warm_up(work)
    rounds = [measure(work, options.clock) for _ in range(options.rounds)]
    one = statistics.median(found.a for found in rounds)
    five = statistics.median(found.b for found in rounds)
    results = {
        "options": vars(options) | {"json": None},
        "rounds": [asdict(found) for found in rounds],
        "a": one,
        "b": five,
    }
    write(options.json, "against_reference", results, options.clock)
    print(f"(a) one student, tokenizer trained: {one:.1f}x")  # noqa: T201
    print("(b) five students as a sweep distils them:")  # noqa: T201
    print(f"{five:.1f}x")  # noqa: T201


if __name__ == "__main__":
    main()
