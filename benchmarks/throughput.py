"""Clouds a second, stage by stage, and how far that is from what the device could do.

    python benchmarks/throughput.py [--presets tiny small] [--device cpu] [--json FILE] [--where]

A line for each stage and preset: clouds a second (median of rounds that take turns), the share of
the arithmetic floor, and peak memory. The floor is the time for the products of matrices alone,
counted as `foundry-bench profile flops` counts them (a step trains for three passes of what it
trains), at the rate at which this device multiplies large matrices. `--where` adds where a step's
time goes by kind of operator.
"""

import argparse
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from bench import in_turns, peak_flops, peak_memory_mib, reset_peak_memory, write
from macs import count_macs
from torch import nn
from torch.profiler import ProfilerActivity, profile
from workload import ONLINE, Workload

from foundry_bench.config.settings import FinetuneSettings, OptimizerSettings
from foundry_bench.data.dataset import subsample
from foundry_bench.geometry.fps import farthest_points
from foundry_bench.geometry.patches import group
from foundry_bench.models.heads import ClassificationHead
from foundry_bench.students.student import Student
from foundry_bench.tasks.classification import Labelling
from foundry_bench.tasks.task import TaskData
from foundry_bench.training.distill import Distillation
from foundry_bench.training.jepa import Jepa, JepaSettings
from foundry_bench.training.loop import Objective, adamw, train_step
from foundry_bench.training.views import PatchViews, patch_views

SUPERTOKENS = 16
KINDS = {
    "products of matrices": ("mm", "addmm", "bmm", "linear", "matmul", "baddbmm"),
    "attention": ("_scaled_dot_product", "scaled_dot_product", "_flash", "_efficient"),
    "GELU and ReLU": ("gelu", "relu", "threshold"),
    "norms": ("native_layer_norm", "native_batch_norm", "cudnn_batch_norm"),
    "maxima": ("max", "amax"),
    "sums and products of tensors": ("add", "mul", "sum", "div", "sub", "where", "mean"),
    "copies": ("copy_", "cat", "fill_", "zero_", "index", "clone", "_to_copy"),
    "optimiser": ("_fused_adamw", "Optimizer"),
}
"""How the names of operators begin, after `aten::`."""
REST = "all else: views, the autograd engine, Python"


@dataclass(frozen=True)
class Stage:
    """Something to time.

    Attributes:
        work: on one batch.
        macs: of a cloud; 0: no products of matrices are part of it.
        trains: whether it is a step of training.
    """

    work: Callable[[], object]
    macs: float
    trains: bool = False


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--presets", nargs="+", default=["tiny"])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--supertokens", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--clouds", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", default="wall", choices=["wall", "cpu"])
    parser.add_argument("--where", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows: list[dict[str, Any]] = []
    where: dict[str, dict[str, float]] = {}
    for preset in options.presets:
        work = Workload(preset, options.clouds, 1, options.batch, options.precision, options.device)
        with TemporaryDirectory() as folder:
            found = stages(work, options.supertokens, Path(folder))
            rows += measure(preset, work, found, options.rounds, options.clock)
            if options.where:
                trainings = {name: stage for name, stage in found.items() if stage.trains}
                where |= {f"{preset}: {name}": shares(s.work) for name, s in trainings.items()}
    results = {"options": vars(options) | {"json": None}, "rows": rows, "where": where}
    write(options.json, "throughput", results, options.clock)
    for name, parts in where.items():
        print(f"\n{name}")  # noqa: T201
        for kind, share in parts.items():
            print(f"  {share:6.1%}  {kind}")  # noqa: T201


def stages(work: Workload, supertokens: list[int], folder: Path) -> dict[str, Stage]:
    """All stages of a preset, from points to training steps, each on a batch of its own drawing."""
    teacher, dataset, on = work.teacher(), work.dataset, work.device
    spec, rows_B = teacher.patch_spec, torch.arange(work.batch)
    points_BN3 = torch.from_numpy(subsample(dataset, dataset.pool[: work.batch], spec.points))
    points_BN3 = points_BN3.to(on)
    patches = group(points_BN3, spec)
    macs = count_macs(work.teacher())
    is_autocast = work.precision == "bfloat16"

    @torch.inference_mode()
    def forward(function: Callable[[Any], object], inputs: object) -> None:
        with torch.autocast(on.type, torch.bfloat16, enabled=is_autocast):
            function(inputs)

    embedding = teacher.embedding(patches)
    found = {
        "FPS": Stage(lambda: farthest_points(points_BN3, spec.patches), 0),
        "FPS, kNN, gathering": Stage(lambda: group(points_BN3, spec), 0),
        "tokenizer": Stage(lambda: forward(teacher.embed, patches), macs["tokenizer"]),
        "teacher": Stage(lambda: forward(teacher.tokens, patches), macs["total"]),
        "teacher's encoder": Stage(
            lambda: forward(teacher.tokens, embedding), macs["total"] - macs["tokenizer"]
        ),
    }
    work.fill_cache(folder)
    for size in supertokens:
        settings = work.settings()
        student = work.student(size, settings)
        own = count_macs(work.student(size, settings))
        beyond = own["total"] - own["tokenizer"]
        # lessons of their own: shared ones would answer the second student from memory
        ways = (
            ("cached", work.cached(folder), 0),
            ("online", work.online(on_patches=False), macs["total"]),
        )
        for name, lessons, more in ways:
            step = step_of(Distillation(student, lessons, settings), settings, rows_B)
            found[f"distil, {name}, s={size}"] = Stage(step, more + 3 * beyond, trains=True)
    found |= _fine_tuning(work, supertokens[-1], rows_B)
    jepa = Jepa(work.source.build(), JepaSettings()).to(on)
    views = patch_views(dataset, dataset.pool, spec, ONLINE, on)
    assert isinstance(views, PatchViews)
    found["pre-train (JEPA)"] = Stage(
        step_of(_Jepa(jepa, views), work.settings(), rows_B), 0, trains=True
    )
    return found


def _fine_tuning(work: Workload, supertokens: int, rows_B: torch.Tensor) -> dict[str, Stage]:
    """Steps on labels, with the tokenizer frozen and trained."""
    dataset, on = work.dataset, work.device
    rows = dataset.splits["train"]
    labels_N = torch.from_numpy(dataset.labels_N[rows])
    found = {}
    for name, trains in (("frozen", ("encoder",)), ("trained", ("tokenizer", "encoder"))):
        settings = FinetuneSettings.model_validate(
            {"epochs": 1, "trainable": trains, "precision": work.precision}
        )
        student = work.student(supertokens, work.settings())
        student.freeze_all_but(trains)
        views = patch_views(dataset, rows, student.patch_spec, ONLINE, on)
        data = TaskData(views, views, views, labels_N, labels_N, len(dataset.class_names), dataset)
        head = ClassificationHead(student.width, data.num_classes).to(on)
        own = count_macs(work.student(supertokens, work.settings()))
        times = 3 if name == "trained" else 1
        macs = times * own["tokenizer"] + 3 * (own["total"] - own["tokenizer"])
        step = step_of(_Labelled(student, head, data, settings), settings, rows_B)
        found[f"fine-tune, tokenizer {name}, s={supertokens}"] = Stage(step, macs, trains=True)
    return found


class _Labelled(Objective[Any]):
    """Fine-tuning as the training loop takes it."""

    def __init__(
        self, student: Student, head: nn.Module, data: TaskData, settings: FinetuneSettings
    ) -> None:
        self.module = nn.ModuleList([student, head])
        self.num_examples = len(data.train)
        self._taught = Labelling(student, head, data, settings)

    def batch(self, rows_B: torch.Tensor, rng: torch.Generator) -> Any:
        return self._taught.batch(rows_B, rng)

    def loss(self, batch: Any) -> torch.Tensor:
        return self._taught.loss(batch)


class _Jepa(Objective[Any]):
    """Pre-training without its probe."""

    def __init__(self, jepa: Jepa, views: PatchViews) -> None:
        self.module = self._jepa = jepa
        self.num_examples = len(views)
        self._views = views

    def batch(self, rows_B: torch.Tensor, rng: torch.Generator) -> Any:
        return self._views.draw(rows_B, rng).inputs

    def loss(self, batch: Any) -> torch.Tensor:
        loss: torch.Tensor = self._jepa(batch)
        return loss


def step_of(
    objective: Objective[Any], settings: OptimizerSettings, rows_B: torch.Tensor
) -> Callable[[], None]:
    """A whole step of the training loop: drawing, forward, backward, optimiser."""
    objective.module.train()
    trained = [weight for weight in objective.module.parameters() if weight.requires_grad]
    optimizer = adamw(trained, settings)
    rng = torch.Generator().manual_seed(0)

    def step() -> None:
        batch = objective.batch(rows_B, rng)
        train_step(objective, batch, trained, optimizer, settings.lr, settings)

    return step


def measure(
    preset: str, work: Workload, found: dict[str, Stage], rounds: int, clock: Any
) -> list[dict[str, Any]]:
    """A row for each stage; prints them."""
    on = work.device
    timings = in_turns({name: s.work for name, s in found.items()}, rounds, clock, on, warm_up=2)
    peak = peak_flops(on.type, work.precision, clock)
    rows = []
    for name, timing in timings.items():
        reset_peak_memory(on)
        found[name].work()
        rate = work.batch / timing.median_s
        share = 2 * found[name].macs * rate / peak if found[name].macs else None
        row = {
            "preset": preset,
            "stage": name,
            "clouds_per_s": rate,
            "quartiles_s": timing.quartiles_s,
            "n": timing.n,
            "mflops_per_cloud": 2 * found[name].macs / 1e6,
            "share_of_floor": share,
            "peak_memory_mib": peak_memory_mib(on),
        }
        rows.append(row)
        floor = "" if share is None else f"{share:6.1%} of the floor"
        print(f"{preset:<6} {name:<34} {rate:10.0f} clouds/s  {floor}", flush=True)  # noqa: T201
    print(f"peak: {peak / 1e9:.0f} GFLOP/s in {work.precision}")  # noqa: T201
    return rows


def shares(work: Callable[[], object], steps: int = 5) -> dict[str, float]:
    """The share of a step's time by kind of operator, the largest first."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(steps):
            work()
    spent: Counter[str] = Counter()
    for event in profiler.key_averages():
        spent[_kind(event.key)] += int(event.self_cpu_time_total)
    total = sum(spent.values())
    return {kind: time / total for kind, time in spent.most_common()}


def _kind(operator: str) -> str:
    name = operator.removeprefix("aten::")
    for kind, beginnings in KINDS.items():
        if name.startswith(beginnings):
            return kind
    return REST


if __name__ == "__main__":
    main()
