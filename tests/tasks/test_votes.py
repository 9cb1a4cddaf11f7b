import pytest
import torch
from torch import Tensor, nn

from foundry_bench.config.settings import ViewSettings
from foundry_bench.data.augment import random_affine
from foundry_bench.geometry.patches import Patches
from foundry_bench.models.backbone import Backbone
from foundry_bench.seeds import generator
from foundry_bench.tasks.votes import voted_accuracy, voted_predictions
from foundry_bench.testing import tiny_dataset, tiny_teacher
from foundry_bench.testing.tiny import SPEC
from foundry_bench.training.views import PatchViews, PointViews, patch_views

CPU = torch.device("cpu")
DATASET = tiny_dataset()
ROWS = DATASET.splits["test"]


class Stretched(nn.Module):
    """Three logits of a cloud: the mean of its tokens, stretched."""

    def forward(self, tokens_BCD: Tensor) -> Tensor:
        return tokens_BCD[..., :3].mean(1) * torch.tensor([10.0, 20.0, -30.0])


class Centers(Backbone):
    """The centres of the patches are the tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.patch_spec, self.width = SPEC, 3

    embed = layers = None  # type: ignore[assignment]

    def tokens(self, inputs: Patches) -> Tensor:  # type: ignore[override]
        assert not self.training
        return inputs.centers_BC3


def views(**settings: object) -> PatchViews | PointViews:
    made = patch_views(DATASET, ROWS, SPEC, ViewSettings.model_validate(settings), CPU)
    assert isinstance(made, PatchViews | PointViews)
    return made


def plain_centers() -> Tensor:
    made = patch_views(DATASET, ROWS, SPEC, None, CPU)
    assert isinstance(made, PatchViews)
    return made.patches.centers_BC3


@pytest.mark.parametrize("num", [1, 5])
def test_it_is_the_mean_of_softmax_over_views(num: int) -> None:
    total_NL = torch.zeros(len(ROWS), 3)
    for vote in range(num):
        turned_NC3 = random_affine(len(ROWS), ViewSettings(), generator(3, "vote", vote))(
            plain_centers()
        )
        total_NL += Stretched()(turned_NC3).softmax(-1) / num
    found = voted_predictions(Centers(), Stretched(), views(), num, seed=3)
    assert torch.equal(found, total_NL.argmax(-1))
    assert len(found.unique()) > 1


def test_views_that_change_nothing_vote_as_one() -> None:
    still = views(rotate="none", scale=[1.0, 1.0])
    expected = Stretched()(plain_centers()).argmax(-1)
    assert torch.equal(voted_predictions(Centers(), Stretched(), still, 3, seed=0), expected)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([[0.0, 0.1], [0.0, 0.1], [9.0, 0.0]], 0),
        ([[0.0, 2.0], [0.0, 2.0], [99.0, 0.0]], 1),
    ],
)
def test_a_vote_counts_as_much_as_it_is_sure_but_never_more_than_one(
    answers: list[list[float]], expected: int
) -> None:
    left = iter(answers)

    class Told(nn.Module):
        def forward(self, tokens_BCD: Tensor) -> Tensor:
            return torch.tensor([next(left)]).expand(len(tokens_BCD), -1)

    found = voted_predictions(Centers(), Told(), views(), 3, seed=0)
    assert found.tolist() == [expected] * len(ROWS)


def seen(num: int, seed: int) -> list[Tensor]:
    """The centres of the clouds, vote by vote."""
    shown: list[Tensor] = []

    class Recording(Stretched):
        def forward(self, tokens_BCD: Tensor) -> Tensor:
            shown.append(tokens_BCD)
            return super().forward(tokens_BCD)

    voted_predictions(Centers(), Recording(), views(), num, seed)
    return shown


def test_the_seed_decides_the_views() -> None:
    first, again, other = (torch.stack(seen(2, seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.isclose(first, other).all(-1).any()


def test_each_vote_takes_other_views_and_more_votes_keep_the_first() -> None:
    one, two = seen(1, 0), seen(2, 0)
    assert torch.equal(one[0], two[0])
    assert not torch.isclose(two[0], two[1]).all(-1).any()


def test_scale_per_axis_groups_anew() -> None:
    fresh = views(patches="fresh", scale_per_axis=True)
    found = voted_predictions(tiny_teacher(), Stretched(), fresh, 2, seed=0)
    assert found.shape == (len(ROWS),)


def test_accuracy_is_the_share_of_right_predictions() -> None:
    found = voted_predictions(Centers(), Stretched(), views(), 3, seed=0)
    labels = found.clone()
    labels[:3] = (labels[:3] + 1) % 3
    accuracy = voted_accuracy(Centers(), Stretched(), views(), labels, 3, seed=0)
    assert accuracy == pytest.approx(1 - 3 / len(ROWS))


def test_views_without_augmentation_are_no_votes() -> None:
    plain = patch_views(DATASET, ROWS, SPEC, None, CPU)
    assert isinstance(plain, PatchViews)
    with pytest.raises(AssertionError, match="all votes are the same"):
        voted_predictions(Centers(), Stretched(), plain, 2, seed=0)


class Sure(nn.Module):
    """Two logits that are far apart for one sign of a cloud's mean, and near for the other."""

    def forward(self, tokens_BCD: Tensor) -> Tensor:
        first_B = tokens_BCD[..., 0].mean(1)
        large_B = torch.where(first_B > 0, 100.0, -20.0)
        return torch.stack([large_B, torch.zeros_like(large_B)], dim=1)


def test_the_mean_of_logits_lets_a_sure_vote_count_more() -> None:
    made, votes = views(), 9
    found = {
        mean: voted_predictions(Centers(), Sure(), made, votes, 0, mean=mean)
        for mean in ("softmax", "logits")
    }
    turned = [
        random_affine(len(ROWS), ViewSettings(), generator(0, "vote", vote))(plain_centers())
        for vote in range(votes)
    ]
    logits_VNL = torch.stack([Sure()(each) for each in turned])
    assert torch.equal(found["logits"], logits_VNL.mean(0).argmax(-1))
    assert torch.equal(found["softmax"], logits_VNL.softmax(-1).mean(0).argmax(-1))
    assert not torch.equal(found["logits"], found["softmax"])
