"""What every backbone must do. B clouds, C patches, D width."""

from abc import ABC, abstractmethod
from itertools import chain, combinations

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from foundry_bench.geometry.patches import Patches
from foundry_bench.models.backbone import Backbone
from foundry_bench.seeds import generator, seeded
from foundry_bench.testing.tiny import tiny_patches

MOST_RELATIVE_ERROR_BFLOAT16 = 0.05
"""Of the median token: a hard assignment may send a few tokens elsewhere."""


class BackboneContract(ABC):
    """Override `backbone`; it is called anew for each test."""

    @abstractmethod
    def backbone(self) -> Backbone:
        """A small backbone on the CPU, the same weights at each call."""

    def patches(self, num_clouds: int = 3, seed: int = 0) -> Patches:
        """Random patches of the backbone's geometry."""
        return tiny_patches(num_clouds, seed, self.backbone().patch_spec)

    def test_there_is_a_token_for_each_patch(self) -> None:
        backbone, patches = self.backbone(), self.patches()
        expected = (3, backbone.patch_spec.patches, backbone.width)
        assert backbone.embed(patches).tokens_BCD.shape == expected
        assert torch.equal(backbone.embed(patches).centers_BC3, patches.centers_BC3)
        assert backbone.tokens(patches).shape == expected
        assert [layer.shape for layer in backbone.layers(patches, (0, -1))] == [expected] * 2

    def test_there_are_as_many_layers_as_its_depth(self) -> None:
        backbone = self.backbone().eval()
        layers = backbone.layers(self.patches(), range(backbone.depth))
        counted = backbone.layers(self.patches(), range(-backbone.depth, 0))
        assert all(torch.equal(one, other) for one, other in zip(layers, counted, strict=True))
        assert not any(torch.equal(one, other) for one, other in combinations(layers, 2))

    def test_a_layer_has_an_index_from_each_end(self) -> None:
        backbone = self.backbone().eval()
        first, again, last = backbone.layers(self.patches(), (0, 0, -1))
        assert torch.equal(first, again)
        assert not torch.equal(first, last)

    def test_a_cached_embedding_gives_the_same_tokens_as_its_patches(self) -> None:
        backbone, patches = self.backbone().eval(), self.patches()
        embedding = backbone.embed(patches)
        assert torch.equal(backbone.tokens(embedding), backbone.tokens(patches))
        assert torch.equal(backbone.layers(embedding, (0,))[0], backbone.layers(patches, (0,))[0])

    def test_a_cloud_alone_gets_the_tokens_that_it_gets_among_others(self) -> None:
        backbone, patches = self.backbone().eval(), self.patches()
        one_1CD = backbone.tokens(patches.select(slice(1, 2)))
        assert_close(one_1CD, backbone.tokens(patches)[1:2])

    def test_a_single_cloud_can_be_trained_on(self) -> None:
        assert self.backbone().train().tokens(self.patches(1)).isfinite().all()

    def test_the_order_of_points_in_a_patch_does_not_matter(self) -> None:
        backbone, patches = self.backbone().eval(), self.patches()
        turned = Patches(patches.neighbors_BCK3.flip(2), patches.centers_BC3)
        assert_close(backbone.tokens(turned), backbone.tokens(patches))

    def test_tokens_follow_the_order_of_patches(self) -> None:
        backbone, patches = self.backbone().eval(), self.patches()
        order = torch.randperm(backbone.patch_spec.patches, generator=generator(0, "order"))
        mixed = Patches(patches.neighbors_BCK3[:, order], patches.centers_BC3[:, order])
        assert_close(backbone.tokens(mixed), backbone.tokens(patches)[:, order])

    def test_points_and_centres_both_matter(self) -> None:
        backbone, patches = self.backbone().eval(), self.patches()
        usual_BCD = backbone.tokens(patches)
        moved = Patches(patches.neighbors_BCK3, patches.centers_BC3 + 0.5)
        grown = Patches(patches.neighbors_BCK3 * 2, patches.centers_BC3)
        assert not torch.allclose(backbone.tokens(moved), usual_BCD)
        assert not torch.allclose(backbone.tokens(grown), usual_BCD)

    def test_nothing_is_random_in_eval_mode(self) -> None:
        backbone, patches = self.backbone().eval(), self.patches()
        with seeded(0):
            first_BCD = backbone.tokens(patches)
        with seeded(1):
            assert torch.equal(backbone.tokens(patches), first_BCD)

    def test_bfloat16_is_near_float32(self) -> None:
        backbone, patches = self.backbone().eval(), self.patches(8)
        exact_BCD = backbone.tokens(patches)
        with torch.autocast("cpu", torch.bfloat16):
            rough_BCD = backbone.tokens(patches).float()
        error_BC = (rough_BCD - exact_BCD).norm(dim=-1) / exact_BCD.norm(dim=-1)
        assert error_BC.median() < MOST_RELATIVE_ERROR_BFLOAT16

    def test_a_saved_backbone_is_the_same_when_loaded(self) -> None:
        backbone, other, patches = self.backbone().eval(), self.backbone().eval(), self.patches()
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.zero_()
        other.load_state_dict(load(save(backbone.state_dict())))
        assert torch.equal(other.tokens(patches), backbone.tokens(patches))

    def test_what_is_frozen_gets_no_gradient_and_all_else_does(self) -> None:
        for trained in _subsets(self.backbone().parts):
            backbone = self.backbone().train()
            backbone.freeze_all_but(trained)
            frozen = _frozen_parameters(backbone, trained)
            tokens_BCD = backbone.tokens(self.patches())
            if tokens_BCD.requires_grad:
                random_mean(tokens_BCD).backward()
            for name, parameter in backbone.named_parameters():
                has_gradient = parameter.grad is not None
                assert has_gradient != (name in frozen), f"{name} when {trained} train"
                assert parameter.requires_grad == has_gradient, f"{name} when {trained} train"

    def test_frozen_parts_keep_their_statistics(self) -> None:
        backbone = self.backbone()
        backbone.freeze_all_but(())
        backbone.eval().train()
        parts = _modules(backbone, backbone.parts)
        assert not any(inner.training for part in parts for inner in part.modules())
        before = [buffer.clone() for part in parts for buffer in part.buffers()]
        backbone.tokens(self.patches())
        after = [buffer for part in parts for buffer in part.buffers()]
        assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def assert_close(found: Tensor, expected: Tensor) -> None:
    """Equal up to the rounding of another order of summation."""
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def random_mean(values: Tensor) -> Tensor:
    """A scalar in which every entry counts differently, so that no gradient cancels."""
    return (values * torch.rand(values.shape, generator=generator(0, "weights"))).mean()


def _subsets(parts: dict[str, tuple[str, ...]]) -> list[tuple[str, ...]]:
    return list(chain.from_iterable(combinations(parts, num) for num in range(len(parts) + 1)))


def _modules(backbone: Backbone, parts: dict[str, tuple[str, ...]]) -> list[nn.Module]:
    return [backbone.get_submodule(path) for paths in parts.values() for path in paths]


def _frozen_parameters(backbone: Backbone, trained: tuple[str, ...]) -> set[str]:
    paths = [
        path for part, paths in backbone.parts.items() if part not in trained for path in paths
    ]
    return {
        f"{path}.{name}"
        for path in paths
        for name, _ in backbone.get_submodule(path).named_parameters()
    }
