"""The other side of the benchmark computes what ours does: else its time would say nothing."""

import sys
from pathlib import Path

import pytest
import torch

from foundry_bench.config.settings import DistillSettings, ViewSettings
from foundry_bench.geometry import patches
from foundry_bench.geometry.fps import farthest_points
from foundry_bench.seeds import seeded
from foundry_bench.students.foundry import Foundry, FoundrySettings
from foundry_bench.testing import tiny_patches, tiny_teacher
from foundry_bench.testing.tiny import SPEC
from foundry_bench.training.losses import token_loss

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from reference import Training, as_published, augmented, farthest_point_sample, group

CLOUDS = torch.rand(16, SPEC.points, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1


def student(supertokens: int = 4) -> Foundry:
    with seeded(0, "student"):
        return Foundry(tiny_teacher(), FoundrySettings(supertokens=supertokens))


def test_it_picks_the_same_points() -> None:
    assert torch.equal(farthest_point_sample(CLOUDS, 8), farthest_points(CLOUDS, 8))


def test_it_cuts_the_same_patches() -> None:
    ours, theirs = patches.group(CLOUDS, SPEC), group(CLOUDS, SPEC)
    torch.testing.assert_close(theirs.centers_BC3, ours.centers_BC3)
    torch.testing.assert_close(theirs.neighbors_BCK3, ours.neighbors_BCK3)


@pytest.mark.parametrize("training", [True, False])
def test_its_networks_give_the_same_tokens(*, training: bool) -> None:
    seen = tiny_patches(6)
    for backbone in (tiny_teacher(), student(), student(8)):
        backbone.train(training)
        with seeded(1), torch.no_grad():
            ours = backbone.tokens(seen)
        as_published(backbone.train(training))
        with seeded(1), torch.no_grad():
            torch.testing.assert_close(backbone.tokens(seen), ours, rtol=1e-4, atol=1e-5)


def test_its_loss_is_the_same() -> None:
    settings, seen = DistillSettings(epochs=1, batch=8), tiny_patches(6)
    ours, theirs, teacher = student(), student(), tiny_teacher()
    with seeded(1), torch.no_grad():
        wanted = token_loss(ours.train().tokens(seen), teacher.tokens(seen), settings.loss)
    as_published(theirs)
    training = Training(theirs, teacher, CLOUDS, settings, ViewSettings(count="online"))
    with seeded(1):
        torch.testing.assert_close(training.loss(seen), wanted, rtol=1e-4, atol=1e-6)


def test_it_learns() -> None:
    with seeded(0):
        settings = DistillSettings(epochs=1, batch=8, lr=3e-3, trainable=("tokenizer", "encoder"))
        made, teacher = student(), tiny_teacher()
        as_published(made)
        made.freeze_all_but(settings.trainable)
        training = Training(made, teacher, CLOUDS, settings, ViewSettings(count="online"))
        losses = [training.epoch() for _ in range(12)]
    assert losses[-1] < 0.8 * losses[0]


def test_views_are_turned_about_the_up_axis_and_scaled() -> None:
    with seeded(0):
        moved = augmented(CLOUDS, ViewSettings(scale=(0.5, 2.0)))
    scale = moved.norm(dim=-1) / CLOUDS.norm(dim=-1)
    torch.testing.assert_close(scale, scale[:, :1].expand_as(scale))
    assert 0.5 <= scale.min() < 0.8 < 1.5 < scale.max() <= 2
    torch.testing.assert_close(moved[..., 1] / CLOUDS[..., 1], scale, rtol=1e-4, atol=1e-4)
