import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from foundry_bench.seeds import generator
from foundry_bench.tasks.miou import guessed_parts, segmentation_metrics, shape_ious

MUG_AND_LAMP = torch.tensor([[True, True, False, False, False], [False, False, True, True, True]])
NAMES = ("mug", "lamp")


def slow_metrics(
    found: list[list[int]], parts: list[list[int]], labels: list[int], categories: list[set[int]]
) -> dict[str, float]:
    """The published rule, point by point."""
    of_category: dict[int, list[float]] = {}
    right = points = 0
    for guess, truth, label in zip(found, parts, labels, strict=True):
        pairs = [(one, other) for one, other in zip(guess, truth, strict=True) if other != -1]
        if not pairs:
            continue
        points += len(pairs)
        right += sum(one == other for one, other in pairs)
        ious = []
        for part in sorted(categories[label]):
            both = sum(one == part and other == part for one, other in pairs)
            either = sum(one == part or other == part for one, other in pairs)
            ious.append(both / either if either else 1.0)
        of_category.setdefault(label, []).append(sum(ious) / len(ious))
    shapes = [iou for ious in of_category.values() for iou in ious]
    means = {f"miou_of_{label}": sum(ious) / len(ious) for label, ious in of_category.items()}
    return {
        "miou_instance": sum(shapes) / len(shapes),
        "miou_class": sum(means.values()) / len(means),
        "point_accuracy": right / points,
        **means,
    }


@st.composite
def segmentations(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """found_BN, parts_BN, labels_B, mask_LP; some parts may lie outside a cloud's category."""
    num_clouds, num_points = draw(st.integers(1, 6)), draw(st.integers(1, 12))
    num_classes, num_parts = draw(st.integers(1, 4)), draw(st.integers(1, 7))
    random = generator(draw(st.integers(0, 2**31)), "segmentations")
    labels_B = torch.randint(num_classes, (num_clouds,), generator=random)
    mask_LP = torch.rand(num_classes, num_parts, generator=random) < 0.5
    mask_LP[torch.arange(num_classes), torch.arange(num_classes) % num_parts] = True
    logits_BNP = torch.randn(num_clouds, num_points, num_parts, generator=random)
    parts_BN = torch.randint(-1, num_parts, (num_clouds, num_points), generator=random)
    parts_BN[0, 0] = parts_BN[0, 0].clamp_min(0)
    return guessed_parts(logits_BNP, mask_LP[labels_B]), parts_BN, labels_B, mask_LP


@given(segmentations())
def test_it_equals_the_rule_applied_point_by_point(
    given_: tuple[Tensor, Tensor, Tensor, Tensor],
) -> None:
    found_BN, parts_BN, labels_B, mask_LP = given_
    categories = [set(row.nonzero().flatten().tolist()) for row in mask_LP]
    expected = slow_metrics(found_BN.tolist(), parts_BN.tolist(), labels_B.tolist(), categories)
    names = [str(label) for label in range(len(mask_LP))]
    assert segmentation_metrics(found_BN, parts_BN, labels_B, mask_LP, names) == pytest.approx(
        expected, rel=1e-12
    )


@given(segmentations())
def test_a_guess_is_a_part_of_the_category(given_: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
    found_BN, _, labels_B, mask_LP = given_
    assert mask_LP[labels_B[:, None].expand_as(found_BN), found_BN].all()


def test_the_largest_logit_of_another_category_is_not_guessed() -> None:
    logits_BNP = torch.tensor([[[1.0, 2.0, 9.0, 9.0, 9.0]], [[9.0, 9.0, 1.0, 3.0, 2.0]]])
    assert guessed_parts(logits_BNP, MUG_AND_LAMP).tolist() == [[1], [3]]


def test_a_part_absent_in_both_counts_one() -> None:
    found, truth = torch.tensor([[2, 2, 3, 3]]), torch.tensor([[2, 2, 2, 3]])
    assert shape_ious(found, truth, MUG_AND_LAMP[1:]).tolist() == [
        pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    ]


def test_a_part_that_is_only_guessed_counts_zero() -> None:
    found, truth = torch.tensor([[0, 0, 1, 1]]), torch.tensor([[0, 0, 0, 0]])
    assert shape_ious(found, truth, MUG_AND_LAMP[:1]).tolist() == [0.25]


def test_unlabelled_points_count_nowhere() -> None:
    found, truth = torch.tensor([[0, 1, 1, 0]]), torch.tensor([[0, 1, -1, -1]])
    metrics = segmentation_metrics(found, truth, torch.tensor([0]), MUG_AND_LAMP, NAMES)
    assert metrics == {
        "miou_instance": 1.0,
        "miou_class": 1.0,
        "point_accuracy": 1.0,
        "miou_of_mug": 1.0,
    }


def test_an_unlabelled_cloud_counts_nowhere() -> None:
    found, truth = torch.tensor([[0, 0], [3, 3]]), torch.tensor([[0, 1], [-1, -1]])
    metrics = segmentation_metrics(found, truth, torch.tensor([0, 1]), MUG_AND_LAMP, NAMES)
    assert metrics["miou_instance"] == metrics["miou_class"] == 0.25
    assert "miou_of_lamp" not in metrics


def test_the_mean_over_categories_does_not_weigh_them_by_their_clouds() -> None:
    found = torch.tensor([[0, 0]] * 3 + [[2, 2]])
    truth = torch.tensor([[0, 0]] * 3 + [[3, 3]])
    metrics = segmentation_metrics(found, truth, torch.tensor([0, 0, 0, 1]), MUG_AND_LAMP, NAMES)
    lamp = 1 / 3
    assert metrics["miou_of_mug"] == 1.0
    assert metrics["miou_of_lamp"] == pytest.approx(lamp)
    assert metrics["miou_class"] == pytest.approx((1 + lamp) / 2)
    assert metrics["miou_instance"] == pytest.approx((3 + lamp) / 4)
    assert metrics["point_accuracy"] == 0.75


def test_counts_of_many_points_are_exact() -> None:
    """Float32 counts nothing beyond 2^24."""
    num = 2**24 + 2
    truth = torch.zeros(1, num, dtype=torch.int64)
    found = truth.clone()
    found[0, 0] = 1
    iou = shape_ious(found, truth, MUG_AND_LAMP[:1]).item()
    assert math.isclose(iou, (1 - 1 / num) / 2, rel_tol=1e-15)
