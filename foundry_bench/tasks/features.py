"""One feature a cloud from frozen tokens. N clouds, D width."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from foundry_bench.errors import FoundryError
from foundry_bench.models.backbone import Backbone
from foundry_bench.models.heads import pool
from foundry_bench.tasks.task import all_tokens
from foundry_bench.training.views import Views

Features = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


def pooled_features(backbone: Backbone, views: Views) -> Features:
    """A feature (N, 2D) a cloud, in the views' order: maximum and mean over the backbone's final
    tokens, in eval mode, as they come: neither centred nor scaled.
    """
    pooled = [pool(tokens_BCD).float().cpu() for tokens_BCD in all_tokens(backbone, views)]
    return torch.cat(pooled).numpy()


def class_labels(labels_N: Tensor, task: str) -> Labels:
    """The labels of training clouds, as a classifier takes them.

    Raises:
        FoundryError: if they are all the same, `task` being who asks.
    """
    labels = labels_N.numpy()
    if len(np.unique(labels)) < 2:
        raise FoundryError(
            f"{task} tells classes apart, and the {len(labels)} training clouds are all of one: "
            "take data, or a label, with more classes"
        )
    return labels
