"""How much of a fine-tuning step goes to the clouds: drawing, augmenting, cutting into patches.

    python benchmarks/data_share.py [--preset small] [--batch 32] [--steps 8] [--threads 2]

Prints a line of JSON for each way to augment: milliseconds a step for the clouds and for the rest
(forward, backward, optimiser), medians over the steps, and the share of the clouds in percent. The
teacher of the preset fine-tunes with random weights; its tokenizer trains, so nothing is cached.
"""

import argparse
import json
import platform
import statistics
import time

import torch
import torch.nn.functional as F

from foundry_bench.config.settings import TeacherSettings, ViewSettings
from foundry_bench.data.shapes_loader import Shapes, ShapesSettings
from foundry_bench.models.heads import ClassificationHead
from foundry_bench.teachers.preset import teacher_source
from foundry_bench.training.views import patch_views

SIMILARITIES = ViewSettings(count="online")
PER_AXIS = ViewSettings(
    count="online", patches="fresh", rotate="none", scale=(0.67, 1.5), scale_per_axis=True
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name, views in (("patches cached", SIMILARITIES), ("patches of every view", PER_AXIS)):
        clouds_ms, rest_ms = measure(options.preset, views, options.batch, options.steps)
        line = {
            "preset": options.preset,
            "views": name,
            "batch": options.batch,
            "clouds_ms": round(clouds_ms, 1),
            "rest_ms": round(rest_ms, 1),
            "clouds_percent": round(100 * clouds_ms / (clouds_ms + rest_ms), 1),
            "threads": options.threads,
            "cpu": platform.processor() or platform.machine(),
        }
        print(json.dumps(line), flush=True)  # noqa: T201


def measure(preset: str, views: ViewSettings, batch: int, steps: int) -> tuple[float, float]:
    """Median milliseconds of a step for clouds and for the rest; the first step is not counted."""
    source = teacher_source(TeacherSettings(preset=preset, weights="random"))
    backbone = source.build().train()
    dataset = Shapes(ShapesSettings(train=256, unlabelled=0, test=40)).load(None)
    shown = patch_views(
        dataset, dataset.splits["train"], backbone.patch_spec, views, torch.device("cpu")
    )
    labels = torch.from_numpy(dataset.labels_N[dataset.splits["train"]])
    head = ClassificationHead(backbone.width, len(dataset.class_names))
    trained = [*backbone.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(trained, fused=True)
    rng = torch.Generator().manual_seed(0)
    clouds, rest = [], []
    for _ in range(steps + 1):
        rows_B = torch.randint(len(shown), (batch,), generator=rng)
        start = time.perf_counter()
        inputs = shown.draw(rows_B, rng).inputs
        middle = time.perf_counter()
        loss = F.cross_entropy(head(backbone.tokens(inputs)), labels[rows_B])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        clouds.append(1000 * (middle - start))
        rest.append(1000 * (time.perf_counter() - middle))
    return statistics.median(clouds[1:]), statistics.median(rest[1:])


if __name__ == "__main__":
    main()
