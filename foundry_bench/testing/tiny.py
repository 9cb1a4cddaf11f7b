"""A teacher, patches and clouds so small that a test on them takes milliseconds.

B clouds, N points or clouds of a set, P points.
"""

from pathlib import Path

import numpy as np
import torch

from foundry_bench.data.dataset import Dataset
from foundry_bench.geometry.patches import Patches, PatchSpec, group
from foundry_bench.seeds import generator, seeded
from foundry_bench.teachers.point_jepa import PointJepa
from foundry_bench.teachers.teacher import Teacher, ViTSettings

SPEC = PatchSpec(points=32, patches=8, patch_size=4)
TINY = ViTSettings(
    name="point_jepa",
    points=SPEC.points,
    patches=SPEC.patches,
    patch_size=SPEC.patch_size,
    width=24,
    depth=2,
    heads=3,
    tokenizer=(8, 16, 16),
)
PRESET = """\
version: 1
architecture: {name: point_jepa, points: 32, patches: 8, patch_size: 4, width: 24, depth: 2,
  heads: 3, tokenizer: [8, 16, 16]}
"""


def tiny_teacher(seed: int = 0) -> Teacher:
    """Random weights of `seed`, width 24, 2 blocks, 8 patches of 4 of 32 points; in eval mode."""
    with seeded(seed, "tiny teacher"):
        return PointJepa(TINY).eval()


def tiny_preset(folder: Path) -> Path:
    """A preset's file in `folder` with the architecture of `tiny_teacher`, without weights."""
    path = folder / "tiny.yaml"
    path.write_text(PRESET, encoding="utf-8")
    return path


def tiny_patches(num_clouds: int = 3, seed: int = 0, spec: PatchSpec = SPEC) -> Patches:
    """Patches of random clouds in the unit ball."""
    stream = generator(seed, "tiny patches")
    points_BN3 = torch.rand(num_clouds, spec.points, 3, generator=stream) * 2 - 1
    return group(points_BN3, spec)


def tiny_dataset(num_train: int = 16, num_test: int = 12, spec: PatchSpec = SPEC) -> Dataset:
    """Flat clouds and tall ones, named so, in random order, with 4 more that have no label."""
    random = np.random.default_rng(0)
    sizes = {"train": num_train, "test": num_test, "unlabelled": 4}
    ends = np.cumsum(list(sizes.values()))
    labels_N = np.arange(ends[-1]) % 2
    points_NP3 = random.normal(size=(len(labels_N), spec.points, 3))
    points_NP3[labels_N == 0] *= (1.0, 0.1, 1.0)
    points_NP3[labels_N == 1] *= (0.1, 1.0, 0.1)
    points_NP3 /= np.linalg.norm(points_NP3, axis=-1).max(1)[:, None, None]
    labels_N[ends[1] :] = -1
    splits = {
        name: np.arange(end - size, end)
        for (name, size), end in zip(sizes.items(), ends, strict=True)
    }
    return Dataset(
        name="flat or tall",
        points_NP3=points_NP3.astype(np.float32),
        labels_N=labels_N,
        class_names=("flat", "tall"),
        splits=splits,
        fingerprint=f"flat or tall {num_train} {num_test} {spec}",
    )


def tiny_archive(folder: Path) -> Path:
    """`tiny_dataset` as an archive in `folder`, for sweeps: `data: {name: archive, path: ...}`."""
    dataset = tiny_dataset()
    split = np.full(len(dataset.labels_N), "none", dtype="U16")
    for name in ("train", "test"):
        split[dataset.splits[name]] = name
    path = folder / "tiny.npz"
    np.savez(
        path,
        points=dataset.points_NP3,
        label=dataset.labels_N,
        classes=np.array(dataset.class_names),
        split=split,
    )
    return path
