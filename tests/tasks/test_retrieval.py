from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor

from foundry_bench.errors import FoundryError
from foundry_bench.models.backbone import Backbone
from foundry_bench.seeds import generator
from foundry_bench.tasks import retrieval
from foundry_bench.tasks.retrieval import Retrieval, RetrievalSettings, average_precision
from foundry_bench.tasks.task import Task, TaskData
from foundry_bench.testing import TaskContract, tiny_dataset, tiny_teacher
from foundry_bench.testing.tiny import SPEC
from foundry_bench.training.views import Views

CPU = torch.device("cpu")


class TestRetrieval(TaskContract):
    def task(self) -> Task:
        return Retrieval(RetrievalSettings())


def usual(num_test: int = 40) -> TaskData:
    return TaskData.from_patches(tiny_dataset(16, num_test), SPEC, CPU)


def of_features(
    monkeypatch: pytest.MonkeyPatch, features_ND: Tensor, labels: list[int] | Tensor
) -> dict[str, float]:
    """Of test clouds whose features are given."""

    def features(backbone: Backbone, views: Views) -> np.ndarray:
        assert views is data.test
        return features_ND.float().numpy()

    data = replace(usual(), test_labels=torch.as_tensor(labels))
    monkeypatch.setattr(retrieval, "pooled_features", features)
    return Retrieval(RetrievalSettings()).evaluate(tiny_teacher(), data).metrics


def random_features(num: int) -> Tensor:
    return torch.randn(num, 6, generator=generator(0, "features")) + 1


def labels_of(num: int, num_classes: int) -> Tensor:
    """The last cloud is alone in a class of its own."""
    labels = torch.randint(num_classes, (num,), generator=generator(0, "labels"))
    labels[-1] = num_classes
    return labels


@pytest.mark.parametrize("chunk", [7, 256])
def test_each_query_has_the_average_precision_of_scikit_learn(
    monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(retrieval, "CHUNK", chunk)
    features, labels = random_features(60), labels_of(60, 5)
    found = of_features(monkeypatch, features, labels)
    rows = features.double().numpy()
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    precisions, firsts = [], []
    for query in range(59):
        others = np.arange(60) != query
        near, is_right = unit[others] @ unit[query], (labels == labels[query]).numpy()[others]
        precisions.append(average_precision_score(is_right, near))
        firsts.append(is_right[near.argmax()])
    assert 0.1 < np.mean(precisions) < 0.9
    assert found["retrieval_map"] == pytest.approx(np.mean(precisions))
    assert found["retrieval_top1"] == pytest.approx(np.mean(firsts))


def test_average_precision_is_what_a_slow_count_finds() -> None:
    is_right = torch.rand(20, 15, generator=generator(0, "right")) < 0.3
    is_right[:, 4] = True
    for row, found in zip(is_right.tolist(), average_precision(is_right).tolist(), strict=True):
        places = [place for place, right in enumerate(row, 1) if right]
        shares = [(number + 1) / place for number, place in enumerate(places)]
        assert found == pytest.approx(sum(shares) / len(shares))


def test_classes_far_apart_are_found_perfectly(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = torch.arange(30) % 3
    features = 100 * torch.eye(6)[labels] + random_features(30)
    assert of_features(monkeypatch, features, labels) == {
        "retrieval_map": 1.0,
        "retrieval_top1": 1.0,
    }


def test_a_cloud_that_is_alone_in_its_class_is_no_query_but_is_in_the_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a circle, the odd cloud stands between the two of the other class."""
    angles = torch.tensor([0.0, 0.2, 0.3])
    features = torch.stack([angles.cos(), angles.sin()], dim=1)
    found = of_features(monkeypatch, features, [0, 1, 0])
    assert found == {"retrieval_map": 0.5, "retrieval_top1": 0.0}


def test_equally_near_clouds_come_in_the_order_of_their_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All are the same: query 0 finds its class second, 1 finds it third, 2 first, 3 second."""
    found = of_features(monkeypatch, torch.ones(4, 3), [0, 1, 0, 1])
    assert found["retrieval_map"] == pytest.approx((1 / 2 + 1 / 3 + 1 + 1 / 2) / 4)
    assert found["retrieval_top1"] == 0.25


def test_the_length_of_a_feature_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = random_features(60), labels_of(60, 5)
    longer = features * (1 + torch.arange(60)[:, None])
    assert of_features(monkeypatch, features, labels) == of_features(monkeypatch, longer, labels)


def test_flat_and_tall_clouds_are_found_among_their_kind() -> None:
    found = Retrieval(RetrievalSettings()).evaluate(tiny_teacher(), usual()).metrics
    assert found["retrieval_top1"] > 0.9
    assert found["retrieval_map"] > 0.7


def test_classes_of_one_cloud_each_are_refused() -> None:
    data = replace(usual(4), test_labels=torch.arange(4))
    with pytest.raises(FoundryError, match="needs a class with two test clouds"):
        Retrieval(RetrievalSettings()).evaluate(tiny_teacher(), data)
