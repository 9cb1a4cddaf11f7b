"""Places among tokens, and who is nearest to which. B clouds, C tokens, S places, F features.

Nothing here depends on the order of the tokens, but for ties.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def farthest(points_BCF: Tensor, num: int) -> Tensor:
    """index_BS of `num` tokens, each the farthest from those before it.

    The first is the farthest from the mean, so that the order of the tokens does not matter.
    """
    from_mean_BC = (points_BCF - points_BCF.mean(1, keepdim=True)).square().sum(-1)
    picks = [from_mean_BC.argmax(1)]
    left_BC = torch.full_like(from_mean_BC, torch.inf)
    for _ in range(num - 1):
        left_BC = torch.minimum(left_BC, _square_distance(points_BCF, picks[-1]))
        picks.append(left_BC.argmax(1))
    return torch.stack(picks, dim=1)


def nearest_BCS(points_BCF: Tensor, places_BSF: Tensor) -> Tensor:
    """One-hot rows: the place that is nearest to each token."""
    exact = "donot_use_mm_for_euclid_dist"
    distance_BCS = torch.cdist(points_BCF.float(), places_BSF.float(), compute_mode=exact)
    return F.one_hot(distance_BCS.argmin(-1), places_BSF.shape[1]).to(points_BCF.dtype)


def take(points_BCF: Tensor, index_BS: Tensor) -> Tensor:
    """points_BSF at `index_BS`."""
    return points_BCF.gather(1, index_BS[..., None].expand(-1, -1, points_BCF.shape[-1]))


def _square_distance(points_BCF: Tensor, pick_B: Tensor) -> Tensor:
    return (points_BCF - take(points_BCF, pick_B[:, None])).square().sum(-1)
