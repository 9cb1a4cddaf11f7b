"""Accuracy on corrupted clouds: sensors at the edge are not clean."""

from typing import Annotated, ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from foundry_bench.config.settings import Seq
from foundry_bench.config.tasks import TaskSettings
from foundry_bench.data.corrupt import KINDS, Kind, corrupt
from foundry_bench.data.dataset import subsample
from foundry_bench.geometry.patches import group
from foundry_bench.metrics import MetricSpecs, share
from foundry_bench.models.backbone import Backbone
from foundry_bench.seeds import generator
from foundry_bench.tasks.task import Task, TaskData, TaskResult, Training
from foundry_bench.training.views import CHUNK

DEFAULT_SEVERITY = 3
SEED = 0

Severity = Annotated[int, Field(ge=1, le=5)]


class CorruptionSettings(TaskSettings):
    """What happens to the clouds, and how much of it."""

    name: str = "corruption"
    kinds: Seq[Kind] = KINDS
    """`corrupted_accuracy` is the mean over them."""
    severities: Seq[Severity] = (DEFAULT_SEVERITY,)
    """1 to 5; 3 is among them, since `corrupted_accuracy` is measured at it."""

    @model_validator(mode="after")
    def _numbers_have_one_meaning(self) -> Self:
        if not self.kinds or len(set(self.kinds)) < len(self.kinds):
            raise ValueError(f"kinds: must be different ones, at least one, not {list(self.kinds)}")
        if DEFAULT_SEVERITY not in self.severities:
            raise ValueError(
                f"severities: {list(self.severities)} lacks {DEFAULT_SEVERITY}, "
                "which `corrupted_accuracy` is measured at: add it"
            )
        if len(set(self.severities)) < len(self.severities):
            raise ValueError(f"severities: {list(self.severities)} has one twice")
        return self


class Corruption(Task):
    """`corruption/1`: accuracy on corrupted test clouds of a backbone and head that classification
    has fine-tuned on clean ones, and that nothing prepares for it.

    The points that the backbone would take of a cloud are corrupted (see `data.corrupt`) and cut
    into patches anew, as those of the classification unless `geometry` says otherwise. A test cloud
    is corrupted in the same way whichever backbone and seed it is shown to.
    """

    Settings = CorruptionSettings
    settings: CorruptionSettings
    protocol: ClassVar[str] = "corruption/1"
    metrics: ClassVar[tuple[str, ...]] = ("corrupted_accuracy",)
    metric_specs: ClassVar[MetricSpecs] = {
        "corrupted_accuracy": share("corrupted-cloud accuracy"),
        "corrupted_accuracy_*": share("corrupted-cloud accuracy, {}"),
    }
    trains: ClassVar[bool] = False
    after: ClassVar[str] = "classification"

    def evaluate(
        self, backbone: Backbone, data: TaskData, training: Training | None = None
    ) -> TaskResult:
        """`corrupted_accuracy_<kind>` at severity 3, their mean `corrupted_accuracy`, and with
        several severities `corrupted_accuracy_<kind>_<severity>` at each of them.
        """
        kinds, severities = self.settings.kinds, self.settings.severities
        found = {
            (kind, severity): _accuracy(backbone, data, kind, severity)
            for kind in kinds
            for severity in severities
        }
        usual = {kind: found[kind, DEFAULT_SEVERITY] for kind in kinds}
        metrics = {"corrupted_accuracy": sum(usual.values()) / len(usual)}
        metrics |= {f"corrupted_accuracy_{kind}": accuracy for kind, accuracy in usual.items()}
        if len(severities) > 1:
            metrics |= {
                f"corrupted_accuracy_{kind}_{severity}": accuracy
                for (kind, severity), accuracy in found.items()
            }
        return TaskResult(metrics)


@torch.inference_mode()
def _accuracy(backbone: Backbone, data: TaskData, kind: Kind, severity: int) -> float:
    head = data.head
    assert head is not None, "corruption comes after a task that trains a head"
    backbone.eval()
    head.eval()
    rows = torch.arange(len(data.test_labels))
    guesses = [
        _guesses(backbone, head, data, rows_B, kind, severity) for rows_B in rows.split(CHUNK)
    ]
    return (torch.cat(guesses) == data.test_labels).double().mean().item()


def _guesses(
    backbone: Backbone, head: nn.Module, data: TaskData, rows_B: Tensor, kind: Kind, severity: int
) -> Tensor:
    """Classes (B,) of the test clouds `rows_B`, counted in their split."""
    spec, device = backbone.patch_spec, next(backbone.parameters()).device
    chosen = data.dataset.splits["test"][rows_B.numpy()]
    points_BN3 = torch.from_numpy(subsample(data.dataset, chosen, spec.points))
    streams = [generator(SEED, "corruption", kind, row) for row in rows_B.tolist()]
    corrupted_BN3 = corrupt(points_BN3, kind, severity, streams).to(device)
    logits: Tensor = head(backbone.tokens(group(corrupted_BN3, spec)))
    return logits.argmax(-1).cpu()
