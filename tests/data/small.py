"""A dataset of six clouds, and a process that asks for it."""

import multiprocessing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from foundry_bench.data.cache import Allocate, cached
from foundry_bench.data.dataset import Dataset


def small(**changes: Any) -> Dataset:
    """Six clouds of ten points."""
    points = np.random.default_rng(0).normal(size=(6, 10, 3)).astype(np.float32)
    dataset = Dataset(
        name="small",
        points_NP3=points,
        labels_N=np.array([0, 1, 0, 1, -1, -1]),
        class_names=("ant", "bee"),
        splits={"train": np.array([0, 1]), "test": np.array([2, 3]), "unlabelled": np.array([5])},
        fingerprint="f",
        parts_NP=np.zeros((6, 10), np.int16),
        part_names=("leg",),
    )
    return replace(dataset, **changes)


def read_small(_: Allocate) -> Dataset:
    """`small()`, whose arrays are none of the cache's."""
    return small()


def read_slowly(cache: Path, calls: Path, barrier: Any) -> None:
    """Ask for a dataset together with others, leaving a file for each time that it is read."""

    def read(_: Allocate) -> Dataset:
        (calls / multiprocessing.current_process().name).touch()
        return small()

    barrier.wait()
    cached(cache, "f", read)
