from dataclasses import replace

import numpy as np
import pytest
import torch

from foundry_bench.errors import FoundryError
from foundry_bench.seeds import generator
from foundry_bench.tasks.probe import GRID, Probe, ProbeSettings, _accuracy, _choose_c
from foundry_bench.tasks.task import Task, TaskData
from foundry_bench.testing import TaskContract, tiny_dataset, tiny_teacher
from foundry_bench.testing.tiny import SPEC
from foundry_bench.training.views import Batch, Views

CPU = torch.device("cpu")


class TestProbe(TaskContract):
    def task(self) -> Task:
        return Probe(ProbeSettings())


def evaluate(data: TaskData) -> dict[str, float]:
    return Probe(ProbeSettings()).evaluate(tiny_teacher(), data).metrics


def usual(num_train: int = 40, num_test: int = 200) -> TaskData:
    return TaskData.from_patches(tiny_dataset(num_train, num_test), SPEC, CPU)


def shuffled(labels: torch.Tensor, name: str) -> torch.Tensor:
    return labels[torch.randperm(len(labels), generator=generator(0, name))]


def test_classes_that_a_line_divides_are_all_found() -> None:
    assert evaluate(usual())["probe_accuracy"] == 1.0


def test_random_labels_are_found_by_chance() -> None:
    data = usual()
    random = replace(
        data,
        train_labels=shuffled(data.train_labels, "train"),
        test_labels=shuffled(data.test_labels, "test"),
    )
    assert 0.35 < evaluate(random)["probe_accuracy"] < 0.65


def test_labels_of_test_only_count() -> None:
    data = usual()
    flipped = evaluate(replace(data, test_labels=1 - data.test_labels))
    assert flipped["probe_accuracy"] == 0.0
    assert flipped["probe_c"] == evaluate(data)["probe_c"]


def test_it_looks_at_plain_clouds_not_at_augmented_ones() -> None:
    class Refusing(Views):
        def __len__(self) -> int:
            return 40

        def draw(self, rows_B: torch.Tensor) -> Batch:
            raise AssertionError("augmented views")

    assert evaluate(replace(usual(), train=Refusing()))["probe_accuracy"] == 1.0


def test_features_are_standardised_with_train_alone() -> None:
    """Scale and offset of a feature change nothing."""
    random = np.random.default_rng(0)
    train, test = random.normal(size=(2, 60, 5)).astype(np.float32)
    labels = (train[:, 0] + 0.5 * random.normal(size=60) > 0).astype(np.int64)
    scale, offset = np.array([1e3, 1, 1e-3, 1, 1]), np.array([5, -5, 0, 0, 1e2])
    usual, scaled = (
        _accuracy(0.1, train * one + other, labels, test * one + other, labels)
        for one, other in ((1.0, 0.0), (scale, offset))
    )
    assert usual == pytest.approx(scaled)


@pytest.mark.parametrize(("noise", "most"), [(0.0, 1.0), (4.0, 0.01)])
def test_noisier_features_get_a_stronger_penalty(noise: float, most: float) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(200) % 2
    features = random.normal(size=(200, 100)).astype(np.float32)
    features[:, 0] = 2 * labels - 1 + noise * random.normal(size=200)
    chosen = _choose_c(features, labels)
    assert chosen in GRID
    assert chosen <= most


@pytest.mark.parametrize("labels", [[0] * 5 + [1] * 5 + [2], list(range(5)) * 2])
def test_classes_too_small_to_stratify_are_no_error(labels: list[int]) -> None:
    features = np.eye(len(labels), dtype=np.float32)
    assert _choose_c(features, np.array(labels)) in GRID


@pytest.mark.parametrize(
    ("num_train", "labels", "message"),
    [(1, [0], "all of one: take data"), (4, [0] * 4, "all of one: take"), (2, [0, 1], "a fifth")],
)
def test_too_few_clouds_or_classes_are_told(
    num_train: int, labels: list[int], message: str
) -> None:
    data = replace(usual(num_train, 4), train_labels=torch.tensor(labels))
    with pytest.raises(FoundryError, match=message):
        evaluate(data)
