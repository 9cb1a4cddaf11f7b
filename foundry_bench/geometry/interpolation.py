"""Features of points from those of a few centres, as PointNet++ propagates them.

Legend: B clouds, N points, C centres, K neighbours.
"""

import torch
from torch import Tensor

from foundry_bench.geometry.knn import nearest

NEIGHBORS = 3
LEAST_SQUARED = torch.finfo(torch.float32).eps
"""Added to squared distances, as Point-JEPA's code does: a point may lie on a centre."""


@torch.no_grad()
def interpolation(points_BN3: Tensor, centers_BC3: Tensor) -> Tensor:
    """weights_BNC, float32, without gradient: `weights_BNC @ features_BCD` interpolates.

    Each point takes from its 3 nearest centres, or from all if there are fewer, in proportion to
    the inverse of the squared distance (Qi et al., arXiv 1706.02413, equation 2). Computed in
    float32 also under autocast.
    """
    points_BN3, centers_BC3 = points_BN3.float(), centers_BC3.float()
    index_BNK = nearest(points_BN3, centers_BC3, min(NEIGHBORS, centers_BC3.shape[1]))
    clouds_B = torch.arange(index_BNK.shape[0], device=index_BNK.device)
    near_BNK3 = centers_BC3[clouds_B[:, None, None], index_BNK]
    inverse_BNK = 1 / ((points_BN3[:, :, None] - near_BNK3).square().sum(-1) + LEAST_SQUARED)
    share_BNK = inverse_BNK / inverse_BNK.sum(-1, keepdim=True)
    weights_BNC = share_BNK.new_zeros(*points_BN3.shape[:2], centers_BC3.shape[1])
    return weights_BNC.scatter_(-1, index_BNK, share_BNK)
