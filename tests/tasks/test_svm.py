from dataclasses import replace
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.optimize import LinearConstraint, minimize

from foundry_bench.errors import FoundryError
from foundry_bench.seeds import generator
from foundry_bench.tasks.features import pooled_features
from foundry_bench.tasks.svm import Svm, SvmSettings
from foundry_bench.tasks.task import Task, TaskData
from foundry_bench.testing import TaskContract, tiny_dataset, tiny_teacher
from foundry_bench.testing.tiny import SPEC

CPU = torch.device("cpu")
Array = npt.NDArray[np.float64]


class TestSvm(TaskContract):
    def task(self) -> Task:
        return Svm(SvmSettings())


def evaluate(data: TaskData, **settings: float) -> dict[str, float]:
    return Svm(SvmSettings(**settings)).evaluate(tiny_teacher(), data).metrics


def usual(num_train: int = 40, num_test: int = 100) -> TaskData:
    return TaskData.from_patches(tiny_dataset(num_train, num_test), SPEC, CPU)


def noisy(data: TaskData) -> TaskData:
    """Three classes, one of them a random part of both others."""
    train, test = (
        torch.where(torch.rand(len(labels), generator=generator(0, name)) < 0.35, 2, labels)
        for name, labels in (("train", data.train_labels), ("test", data.test_labels))
    )
    return replace(data, train_labels=train, test_labels=test, num_classes=3)


def direct_machine(features: Array, signs: Array, c: float) -> tuple[Array, float]:
    """Weights and offset from the dual of the hinge loss's minimum, by a general solver."""
    kernel = (features @ features.T) * np.outer(signs, signs)
    found = minimize(
        lambda dual: (dual @ kernel @ dual / 2 - dual.sum(), kernel @ dual - 1),
        np.zeros(len(signs)),
        jac=True,
        bounds=[(0, c)] * len(signs),
        constraints=LinearConstraint(signs[None], 0, 0),
        method="SLSQP",
        options={"maxiter": 1000, "ftol": 1e-13},
    )
    weights = (found.x * signs) @ features
    inside = (found.x > 1e-4 * c) & (found.x < (1 - 1e-4) * c)
    assert inside.any()
    return weights, float((signs - features @ weights)[inside].mean())


@pytest.mark.parametrize("c", [0.05, 0.5])
def test_it_is_the_minimum_of_the_hinge_loss_for_each_pair_of_classes(c: float) -> None:
    data = noisy(usual())
    train, test = (
        pooled_features(tiny_teacher(), views).astype(np.float64)
        for views in (data.plain, data.test)
    )
    labels = data.train_labels.numpy()
    votes = np.zeros((len(test), 3))
    for one, other in combinations(range(3), 2):
        rows = np.isin(labels, [one, other])
        signs = np.where(labels[rows] == one, 1.0, -1.0)
        weights, offset = direct_machine(train[rows], signs, c)
        is_one = test @ weights + offset > 0
        votes[:, one] += is_one
        votes[:, other] += ~is_one
    expected = (votes.argmax(1) == data.test_labels.numpy()).mean()
    assert 0.4 < expected < 0.9
    assert evaluate(data, c=c) == {"svm_accuracy": pytest.approx(expected), "svm_c": c}


def test_the_usual_c_is_that_of_the_literature() -> None:
    assert evaluate(usual())["svm_c"] == 0.012


def test_a_small_c_fits_less() -> None:
    """With hardly any weight on the losses, the larger class wins everywhere."""
    data = usual()
    most = data.train_labels.clone()
    most[:8] = 1
    skewed = replace(data, train_labels=most)
    assert evaluate(skewed, c=1e-9)["svm_accuracy"] == (data.test_labels == 1).double().mean()
    assert evaluate(data, c=1.0)["svm_accuracy"] == 1.0


def test_labels_of_test_only_count() -> None:
    data = usual()
    flipped = evaluate(replace(data, test_labels=1 - data.test_labels), c=1.0)
    assert flipped["svm_accuracy"] == 0.0


@pytest.mark.parametrize("c", [0.0, -1.0])
def test_c_is_positive(c: float) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        SvmSettings(c=c)


def test_a_single_class_is_told() -> None:
    data = TaskData.from_patches(tiny_dataset(4, 4), SPEC, CPU)
    with pytest.raises(FoundryError, match="svm tells classes apart, and the 4 training clouds"):
        Svm(SvmSettings()).evaluate(tiny_teacher(), replace(data, train_labels=torch.zeros(4)))
