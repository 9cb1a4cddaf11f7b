"""One feature a cloud from frozen tokens. N clouds, D width."""

import numpy as np
import numpy.typing as npt
import torch

from foundry_bench.models.backbone import Backbone
from foundry_bench.models.heads import pool
from foundry_bench.tasks.task import all_tokens
from foundry_bench.training.views import Views

Features = npt.NDArray[np.float32]


def pooled_features(backbone: Backbone, views: Views) -> Features:
    """A feature (N, 2D) a cloud, in the views' order: maximum and mean over the backbone's final
    tokens, in eval mode, as they come: neither centred nor scaled.
    """
    pooled = [pool(tokens_BCD).float().cpu() for tokens_BCD in all_tokens(backbone, views)]
    return torch.cat(pooled).numpy()
