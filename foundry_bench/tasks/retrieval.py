"""Retrieval: how near clouds of the same class are to each other, without any training.

Q query clouds, N clouds, D width.
"""

from collections.abc import Iterator
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from foundry_bench.config.tasks import TaskSettings
from foundry_bench.errors import FoundryError
from foundry_bench.metrics import MetricSpecs, share
from foundry_bench.models.backbone import Backbone
from foundry_bench.tasks.features import pooled_features
from foundry_bench.tasks.task import Task, TaskData, TaskResult, Training

CHUNK = 256
"""Queries that are ranked at once: with 10,000 clouds, 10 MB of similarities."""


class RetrievalSettings(TaskSettings):
    """The protocol is fixed: there is nothing to set."""

    name: str = "retrieval"


class Retrieval(Task):
    """`retrieval/1`: each test cloud asks for the others of its class, by the cosine between their
    features, which are maximum and mean over the tokens.

    The features are neither centred nor standardised, so that two clouds are as near whichever
    others there are. It matters little: with the shipped tiny teacher on test clouds of the
    Princeton Shape Benchmark and SHREC'12, `retrieval_map` is 0.228 as they are and 0.229
    standardised (69 classes), or 0.322 and 0.324 (161 paths).
    """

    Settings = RetrievalSettings
    protocol: ClassVar[str] = "retrieval/1"
    metrics: ClassVar[tuple[str, ...]] = ("retrieval_map", "retrieval_top1")
    metric_specs: ClassVar[MetricSpecs] = {
        "retrieval_map": share("retrieval mAP"),
        "retrieval_top1": share("retrieval top-1"),
    }
    trains: ClassVar[bool] = False

    def evaluate(
        self, backbone: Backbone, data: TaskData, training: Training | None = None
    ) -> TaskResult:
        """`retrieval_map`, the mean over queries of the average precision, and `retrieval_top1`,
        the share of queries whose nearest other cloud has their class.

        A cloud that is alone in its class is no query, but others are still compared with it.

        Raises:
            FoundryError: if no two test clouds share a class.
        """
        features_ND = torch.from_numpy(pooled_features(backbone, data.test))
        parts = list(_ranked(features_ND, data.test_labels))
        if not parts:
            raise FoundryError(
                "retrieval needs a class with two test clouds: all of them have one "
                "(take a larger test split, or a label with fewer classes)"
            )
        precision_Q, is_first_right_Q = (torch.cat(part) for part in zip(*parts, strict=True))
        return TaskResult(
            {
                "retrieval_map": precision_Q.mean().item(),
                "retrieval_top1": is_first_right_Q.double().mean().item(),
            }
        )


def average_precision(is_right_QN: Tensor) -> Tensor:
    """Per query (Q,), float64: the mean of the precision at each right cloud of a ranking, the
    nearest first. Each query needs a right cloud.
    """
    is_right_QN = is_right_QN.double()
    places_N = torch.arange(1, is_right_QN.shape[1] + 1, dtype=torch.float64)
    precision_QN = is_right_QN.cumsum(1) / places_N
    return (precision_QN * is_right_QN).sum(1) / is_right_QN.sum(1)


def _ranked(features_ND: Tensor, labels_N: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Average precision, and whether the nearest is right, of the queries of each chunk. Equally
    near clouds are ranked by their row, the lowest first.
    """
    unit_ND = F.normalize(features_ND, dim=1)
    for queries_Q in _queries(labels_N).split(CHUNK):
        if not len(queries_Q):
            return
        near_QN = unit_ND[queries_Q] @ unit_ND.T
        near_QN[torch.arange(len(queries_Q)), queries_Q] = -torch.inf
        order_QN = near_QN.argsort(dim=1, descending=True, stable=True)[:, :-1]
        is_right_QN = labels_N[order_QN] == labels_N[queries_Q, None]
        yield average_precision(is_right_QN), is_right_QN[:, 0]


def _queries(labels_N: Tensor) -> Tensor:
    """Rows of the clouds whose class has another cloud."""
    return (labels_N.bincount()[labels_N] > 1).nonzero()[:, 0]
