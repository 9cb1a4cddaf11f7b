"""Chains: an order of centres in which each is near the one before it. B clouds, C centres."""

import torch
from torch import Tensor


@torch.no_grad()
def greedy_chain(centers_BC3: Tensor, first_B: Tensor) -> Tensor:
    """Greedy chain (B, C) from the centres `first_B`, each step to the nearest not yet visited."""
    num_clouds, num_centers, _ = centers_BC3.shape
    distance_BCC = torch.cdist(centers_BC3, centers_BC3)
    clouds = torch.arange(num_clouds, device=centers_BC3.device)
    current_B = first_B
    order = [current_B]
    for _ in range(num_centers - 1):
        distance_BCC[clouds, :, current_B] = torch.inf
        current_B = distance_BCC[clouds, current_B].argmin(1)
        order.append(current_B)
    return torch.stack(order, dim=1)
