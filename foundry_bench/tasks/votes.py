"""Votes at test time: answers to several random views of a cloud, averaged. N clouds, L classes."""

from typing import Literal

import torch
from torch import Tensor, nn

from foundry_bench.models.backbone import Backbone
from foundry_bench.seeds import generator
from foundry_bench.training.views import CHUNK, PatchViews, PointViews

Mean = Literal["softmax", "logits"]


@torch.inference_mode()
def voted_predictions(
    backbone: Backbone,
    head: nn.Module,
    views: PatchViews | PointViews,
    votes: int,
    seed: int,
    *,
    mean: Mean = "softmax",
) -> Tensor:
    """Classes (N,), int64, on the CPU: those with the largest mean of softmax (or of logits) over
    `votes` random views of each cloud; ties go to the lowest class.

    Args:
        backbone: in eval mode afterwards, as is the head.
        head: tokens -> logits (B, L).
        views: of the clouds, augmented as in training: patches, not cached tokens, since each vote
            takes new views. Their settings say how they are drawn.
        votes: how many views, fixed in advance.
        seed: of the views; the same seed gives the same ones to every backbone.
        mean: of what: probabilities, or logits.
    """
    backbone.eval()
    head.eval()
    logits = [_vote(backbone, head, views, seed, vote) for vote in range(votes)]
    answers = [each_NL.softmax(-1) if mean == "softmax" else each_NL for each_NL in logits]
    return torch.stack(answers).mean(0).cpu().argmax(-1)


def voted_accuracy(
    backbone: Backbone,
    head: nn.Module,
    views: PatchViews | PointViews,
    labels_N: Tensor,
    votes: int,
    seed: int,
    *,
    mean: Mean = "softmax",
) -> float:
    """Share of clouds whose `voted_predictions` are their labels."""
    guesses_N = voted_predictions(backbone, head, views, votes, seed, mean=mean)
    return (guesses_N == labels_N).double().mean().item()


def _vote(
    backbone: Backbone, head: nn.Module, views: PatchViews | PointViews, seed: int, vote: int
) -> Tensor:
    """Logits (N, L), of one random view of each cloud."""
    assert views.settings is not None, "without augmentation all votes are the same"
    rng = generator(seed, "vote", vote)
    batches = (views.draw(rows_B, rng) for rows_B in torch.arange(len(views)).split(CHUNK))
    logits = [head(backbone.tokens(batch.inputs)).float() for batch in batches]
    return torch.cat(logits)
