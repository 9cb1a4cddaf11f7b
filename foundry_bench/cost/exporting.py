"""A network that is profiled, as the exporter of graphs takes it."""

from torch import Tensor, nn

from foundry_bench.cost.counting import Pass
from foundry_bench.export.core import Core


class PassCore(Core):
    """From patches to the logits of a head that no task has trained."""

    def __init__(self, network: Pass) -> None:
        nn.Module.__init__(self)
        self.network, self.backbone, self.answering = network, network.backbone, None
        self.output = "logits"

    def forward(self, neighbors_BCK3: Tensor, centers_BC3: Tensor) -> Tensor:
        """Logits (B, L)."""
        logits_BL: Tensor = self.network(neighbors_BCK3, centers_BC3)
        return logits_BL
