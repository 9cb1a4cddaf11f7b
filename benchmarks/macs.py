"""MACs of a backbone by child module, from torch's own counter: a check on `counting`."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from foundry_bench.cost.counting import random_patches
from foundry_bench.geometry.patches import Patches
from foundry_bench.models.backbone import Backbone

REST = "rest"
"""What no child module does itself, such as averaging tokens into SuperTokens, or merging."""


def count_macs(backbone: Backbone, num_clouds: int = 1) -> dict[str, int]:
    """MACs of `backbone.tokens` from patches on, by child module, and `total`; on any device, the
    meta device too, where nothing is computed.

    FPS and kNN are not part of it. Attention counts with its products (torch's counter sees them in
    the plain implementation alone, which is what runs here). The patches are random; a gate without
    a budget therefore counts what it would do on them.

    Where a student walks over its encoder's blocks itself, their parts count for the encoder, and
    the products of attention, which belong to no module, for the rest.
    """
    backbone.eval()
    device = next(backbone.parameters()).device
    patches = random_patches(backbone.patch_spec, num_clouds).to(device)
    counter = FlopCounterMode(display=False)
    with sdpa_kernel(SDPBackend.MATH), counter:
        _Tokens(backbone)(patches)
    counts = counter.get_flop_counts()
    name = f"{_Tokens.__name__}.backbone"
    macs = {
        child: sum(_outermost(counts, f"{name}.{child}")) // 2
        for child, module in backbone.named_children()
        if any(True for _ in module.parameters())
    }
    total = sum(counts["Global"].values()) // 2
    return {**macs, REST: total - sum(macs.values()), "total": total}


def _outermost(counts: Mapping[str, Mapping[Any, int]], module: str) -> Iterator[int]:
    """Counts of `module`, or of the modules inside it that are called without it."""
    inside = sorted(name for name in counts if name == module or name.startswith(f"{module}."))
    for name in inside:
        if not any(name.startswith(f"{other}.") for other in inside):
            yield sum(counts[name].values())


class _Tokens(nn.Module):
    """The counter names what is called as a module."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, patches: Patches) -> Tensor:
        """The final tokens."""
        return self.backbone.tokens(patches)
