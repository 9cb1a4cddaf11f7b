import pytest
import torch
from torch import Tensor, nn

from foundry_bench.models.segmentation import SegmentationHead, layers_of_thirds
from foundry_bench.seeds import generator, seeded

WIDTH, CLASSES, PARTS = 12, 3, 5


def head(**changes: object) -> SegmentationHead:
    settings = {"propagation": (10, 8), "hidden": (9, 7), "dropout": 0.5, **changes}
    with seeded(0, "head"):
        made = SegmentationHead(WIDTH, CLASSES, PARTS, **settings)  # type: ignore[arg-type]
        for module in made.modules():
            if isinstance(module, nn.BatchNorm1d):
                nn.init.uniform_(module.running_mean, -0.5, 0)  # type: ignore[arg-type]
                nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
    return made


def inputs(
    num_points: int = 40, num_centers: int = 6, num_clouds: int = 4
) -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
    """Three layers of tokens, centres, points, categories."""
    random = generator(0, "inputs")
    points = torch.randn(num_clouds, max(num_points, num_centers), 3, generator=random)
    layers = [torch.randn(num_clouds, num_centers, WIDTH, generator=random) for _ in range(3)]
    labels = torch.randint(CLASSES, (num_clouds,), generator=random)
    return layers, points[:, :num_centers], points[:, :num_points], labels


def as_published(
    head: SegmentationHead, layers: list[Tensor], centers: Tensor, points: Tensor, labels: Tensor
) -> Tensor:
    """The same weights, applied to features that are interpolated, repeated and concatenated."""
    num_points = points.shape[1]
    normed = [nn.functional.layer_norm(layer, (WIDTH,)) for layer in layers]
    tokens = torch.stack(normed).mean(0)
    k = min(3, centers.shape[1])
    squared, index = (points[:, :, None] - centers[:, None]).square().sum(-1).topk(k, largest=False)
    weight = 1 / (squared + torch.finfo(torch.float32).eps)
    weight = weight / weight.sum(-1, keepdim=True)
    near = torch.stack([of[which] for of, which in zip(tokens, index, strict=True)])
    local = torch.cat([points, (near * weight[..., None]).sum(2)], dim=-1)
    local = head.propagated(head.propagate(local).flatten(0, 1)).unflatten(0, (-1, num_points))
    label = head.label_norm(head.label(nn.functional.one_hot(labels, CLASSES).float()))
    whole = torch.cat(
        [tokens.amax(1), tokens.mean(1), nn.functional.leaky_relu(label, 0.2)], dim=-1
    )
    both = torch.cat([local, whole[:, None].expand(-1, num_points, -1)], dim=-1)
    return head.mixed(head.mix(both).flatten(0, 1)).unflatten(0, (-1, num_points))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("num_centers", [1, 2, 3, 6])
def test_it_equals_the_published_order_of_computation(num_centers: int, training: bool) -> None:
    made, given = head(dropout=0.0).train(training), inputs(num_centers=num_centers)
    expected = as_published(made, *given)
    assert expected.shape == (4, 40, PARTS)
    torch.testing.assert_close(made(*given), expected, rtol=1e-5, atol=1e-5)


def test_gradients_are_those_of_the_published_order_too() -> None:
    made, (layers, *rest) = head(dropout=0.0).train(), inputs()
    gradients = []
    for forward in (made, lambda *given: as_published(made, *given)):
        leaves = [layer.clone().requires_grad_() for layer in layers]
        loss = (forward(leaves, *rest) * torch.arange(PARTS)).mean()
        gradients.append(torch.autograd.grad(loss, [*leaves, *made.parameters()]))
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("num_points", [1, 2, 6])
def test_a_few_points_of_one_patch_do(num_points: int) -> None:
    assert head()(*inputs(num_points, num_centers=1)).shape == (4, num_points, PARTS)


def test_a_point_does_not_depend_on_the_others() -> None:
    made, (layers, centers, points, labels) = head().eval(), inputs()
    logits = made(layers, centers, points, labels)
    torch.testing.assert_close(made(layers, centers, points[:, 5:9], labels), logits[:, 5:9])


def test_the_order_of_tokens_does_not_matter() -> None:
    made, (layers, centers, points, labels) = head().eval(), inputs()
    turned = made([layer.flip(1) for layer in layers], centers.flip(1), points, labels)
    torch.testing.assert_close(turned, made(layers, centers, points, labels))


def test_the_category_and_every_layer_matter() -> None:
    made, (layers, centers, points, labels) = head().eval(), inputs()
    usual = made(layers, centers, points, labels)
    assert not torch.allclose(made(layers, centers, points, (labels + 1) % CLASSES), usual)
    for number in range(3):
        changed = [layer.flip(-1) if at == number else layer for at, layer in enumerate(layers)]
        assert not torch.allclose(made(changed, centers, points, labels), usual)


def test_the_scale_of_a_layer_does_not_matter() -> None:
    made, (layers, centers, points, labels) = head().eval(), inputs()
    scaled = [layer * scale for layer, scale in zip(layers, (1, 10, 100), strict=True)]
    torch.testing.assert_close(
        made(scaled, centers, points, labels), made(layers, centers, points, labels)
    )


def test_dropout_acts_in_training_only() -> None:
    made, given = head(), inputs()
    assert not torch.equal(made(*given), made(*given))
    assert torch.equal(made.eval()(*given), made(*given))


def test_bfloat16_is_near_float32() -> None:
    made, given = head().eval(), inputs()
    exact = made(*given)
    with torch.autocast("cpu", torch.bfloat16):
        rough = made(*given).float()
    assert (rough - exact).norm() < 0.05 * exact.norm()


@pytest.mark.parametrize(
    ("depth", "expected"),
    [(1, (0,)), (2, (0, 1)), (3, (0, 1, 2)), (4, (1, 2, 3)), (6, (1, 3, 5)), (12, (3, 7, 11))],
)
def test_a_layer_from_the_end_of_each_third(depth: int, expected: tuple[int, ...]) -> None:
    assert layers_of_thirds(depth) == expected


def test_layers_are_normed_without_weights() -> None:
    made = SegmentationHead(24, 2, 4, propagation=(8, 8), hidden=(8, 8), dropout=0.0)
    assert not any(isinstance(module, nn.LayerNorm) for module in made.modules())
