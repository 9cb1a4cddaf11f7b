"""A linear classifier on frozen tokens: cheap, and without any training of the backbone."""

from typing import ClassVar

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from foundry_bench.config.tasks import TaskSettings
from foundry_bench.errors import FoundryError
from foundry_bench.metrics import MetricSpec, MetricSpecs, share
from foundry_bench.models.backbone import Backbone
from foundry_bench.tasks.features import Features, Labels, class_labels, pooled_features
from foundry_bench.tasks.task import Task, TaskData, TaskResult, Training

GRID = (0.001, 0.01, 0.1, 1.0)
HELD_OUT = 0.2
SPLIT_SEED = 0


class ProbeSettings(TaskSettings):
    """The protocol is fixed: there is nothing to set."""

    name: str = "probe"


class Probe(Task):
    """`probe/1`: maximum and mean over the tokens, standardised, multinomial logistic regression.

    C is the best of 0.001, 0.01, 0.1 and 1 on a stratified fifth held out of train, then all of
    train is used. Deterministic for a given backbone.
    """

    Settings = ProbeSettings
    protocol: ClassVar[str] = "probe/1"
    metrics: ClassVar[tuple[str, ...]] = ("probe_accuracy",)
    metric_specs: ClassVar[MetricSpecs] = {
        "probe_accuracy": share("linear-probe accuracy"),
        "probe_c": MetricSpec(label="C of the linear probe"),
    }
    trains: ClassVar[bool] = False

    def evaluate(
        self, backbone: Backbone, data: TaskData, training: Training | None = None
    ) -> TaskResult:
        """`probe_accuracy` on test, and the C that was chosen.

        Raises:
            FoundryError: if the training clouds, without a fifth of them, have one class.
        """
        train_labels = class_labels(data.train_labels, "probe")
        train, test = (pooled_features(backbone, views) for views in (data.plain, data.test))
        c = _choose_c(train, train_labels)
        accuracy = _accuracy(c, train, train_labels, test, data.test_labels.numpy())
        return TaskResult({"probe_accuracy": accuracy, "probe_c": c})


def _choose_c(features: Features, labels: Labels) -> float:
    """Classes with a single training cloud cannot be split: then the split is not stratified."""
    stratify = labels if np.unique(labels, return_counts=True)[1].min() > 1 else None
    enough = int(len(labels) * HELD_OUT) >= len(np.unique(labels))
    parts = train_test_split(
        features,
        labels,
        test_size=HELD_OUT,
        random_state=SPLIT_SEED,
        stratify=stratify if enough else None,
    )
    fit_features, held_features, fit_labels, held_labels = parts
    if len(np.unique(fit_labels)) < 2:
        raise FoundryError(
            f"probe chooses C on a fifth of the {len(labels)} training clouds, and the others are "
            "all of one class: take data with more training clouds"
        )
    return max(
        GRID, key=lambda c: _accuracy(c, fit_features, fit_labels, held_features, held_labels)
    )


def _accuracy(
    c: float, train: Features, train_labels: Labels, test: Features, test_labels: Labels
) -> float:
    scaler = StandardScaler().fit(train)
    classifier = LogisticRegression(C=c, max_iter=1000, tol=1e-3)
    classifier.fit(scaler.transform(train), train_labels)
    return float(classifier.score(scaler.transform(test), test_labels))
