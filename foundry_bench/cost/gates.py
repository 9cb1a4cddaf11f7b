"""What a gated student costs on real clouds: a distribution, since each cloud keeps as many tokens
as the gate lets through.

N clouds, R rows of work, X nodes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from foundry_bench.cost.counting import Counts, count
from foundry_bench.geometry.patches import Patches
from foundry_bench.models.backbone import Inputs
from foundry_bench.students.student import Student

NODES = 3
"""Counts that determine a quadratic."""


@dataclass(frozen=True)
class GatedCounts:
    """Costs over a set of clouds.

    Attributes:
        mean: of each operator in each part.
        macs_N: of each cloud in all.
    """

    mean: Counts
    macs_N: NDArray[np.float64]


@torch.no_grad()
def entered(student: Student, batches: Iterable[Inputs]) -> NDArray[np.float64]:
    """encoder_tokens_N: what `Compressed.activity` says of each cloud."""
    student.eval()
    parts = [student.compress(student.embedding(inputs)).activity() for inputs in batches]
    return torch.cat([part["encoder_tokens"] for part in parts]).cpu().numpy()


def count_gated(
    student: Student, head: nn.Module | None, patches: Patches, tokens_N: NDArray[np.float64]
) -> GatedCounts:
    """The cost of `student` on each cloud of `patches`, of which `tokens_N` enter the encoder.

    The cost is quadratic in these (attention), and depends on nothing else: it is counted on a
    cloud with few, one with a middling number and one with many, and the rest lie on the curve
    through those.
    """
    numbers, first_rows = np.unique(tokens_N, return_index=True)
    chosen = np.unique(np.linspace(0, len(numbers) - 1, NODES).round().astype(int))
    counts = [
        count(student, head, patches.select(slice(row, row + 1)))
        for row in first_rows[chosen].tolist()
    ]
    assert len({tuple((row.part, row.operator) for row in each.work) for each in counts}) == 1
    known_XR2 = np.array(
        [[(row.macs, row.other_ops) for row in each.work] for each in counts], np.float64
    )
    every_NR2 = np.tensordot(_lagrange(numbers[chosen], tokens_N), known_XR2, axes=1)
    work = tuple(
        replace(row, macs=float(macs), other_ops=float(others))
        for row, (macs, others) in zip(counts[0].work, every_NR2.mean(0), strict=True)
    )
    return GatedCounts(replace(counts[0], work=work), every_NR2[..., 0].sum(1).round())


def _lagrange(nodes_X: NDArray[np.float64], at_N: NDArray[np.float64]) -> NDArray[np.float64]:
    """weights_NX of the values at the nodes in a polynomial through all of them."""
    weights_XN = [
        np.prod([(at_N - other) / (node - other) for other in nodes_X if other != node], axis=0)
        * np.ones_like(at_N)
        for node in nodes_X
    ]
    return np.stack(weights_XN, axis=1)
