"""Mean intersection over union of parts, by the published rule of ShapeNetPart.

B clouds, N points of a cloud, L categories, P parts.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def guessed_parts(logits_BNP: Tensor, mask_BP: Tensor) -> Tensor:
    """found_BN, int64: the largest logit among the parts of the cloud's category."""
    return logits_BNP.masked_fill(~mask_BP[:, None], -torch.inf).argmax(-1)


def shape_ious(found_BN: Tensor, parts_BN: Tensor, mask_BP: Tensor) -> Tensor:
    """iou_B, float64: of each cloud, the mean over the parts of its category.

    Intersections and unions are counted in integers. A part that neither was found nor is there
    counts 1. Points with the part -1 are left out; a cloud must have others.
    """
    num_parts = mask_BP.shape[1]
    has_part_BN = parts_BN >= 0
    first_B1 = torch.arange(len(parts_BN))[:, None] * num_parts
    found, there = ((first_B1 + of_BN)[has_part_BN] for of_BN in (found_BN, parts_BN))
    found_BP, there_BP, both_BP = (
        torch.bincount(index, minlength=mask_BP.numel()).view_as(mask_BP)
        for index in (found, there, found[found == there])
    )
    union_BP = found_BP + there_BP - both_BP
    iou_BP = torch.where(union_BP > 0, both_BP.double() / union_BP.clamp_min(1), 1.0)
    return (iou_BP * mask_BP).sum(1) / mask_BP.sum(1)


def segmentation_metrics(
    found_BN: Tensor,
    parts_BN: Tensor,
    labels_B: Tensor,
    mask_LP: Tensor,
    class_names: Sequence[str],
) -> dict[str, float]:
    """All numbers of the protocol, as shares.

    `miou_instance`: mean IoU over clouds; `miou_of_<category>`: over the clouds of a category;
    `miou_class`: mean of these; `point_accuracy`: of all points. Points with the part -1, clouds
    of nothing else, and categories of no other clouds are left out.

    Args:
        found_BN: the guessed parts.
        parts_BN: the true ones.
        labels_B: categories.
        mask_LP: the parts of each category.
        class_names: the L names.
    """
    has_part_BN = parts_BN >= 0
    kept_B = has_part_BN.any(1)
    labels_B = labels_B[kept_B]
    iou_B = shape_ious(found_BN[kept_B], parts_BN[kept_B], mask_LP[labels_B])
    of_category = {
        f"miou_of_{name}": iou_B[labels_B == label].mean().item()
        for label, name in enumerate(class_names)
        if bool((labels_B == label).any())
    }
    is_right_BN = (found_BN == parts_BN)[has_part_BN]
    return {
        "miou_instance": iou_B.mean().item(),
        "miou_class": sum(of_category.values()) / len(of_category),
        "point_accuracy": is_right_BN.double().mean().item(),
        **of_category,
    }
