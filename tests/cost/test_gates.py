"""A gated student's costs over clouds, against counting each cloud by itself."""

import numpy as np
import pytest

from foundry_bench.cost.counting import count
from foundry_bench.cost.gates import count_gated, entered
from foundry_bench.models.heads import ClassificationHead
from foundry_bench.seeds import seeded
from foundry_bench.students.foundry_gate import FoundryGate, FoundryGateSettings
from foundry_bench.testing import tiny_patches, tiny_teacher
from foundry_bench.testing.tiny import TINY

NUM_CLOUDS = 30


def gate(**settings: object) -> FoundryGate:
    with seeded(0, "gate"):
        return FoundryGate(tiny_teacher(), FoundryGateSettings(supertokens=3, **settings))


@pytest.mark.parametrize("threshold", [0.26, 0.28])
def test_every_cloud_costs_what_it_costs_by_itself(threshold: float) -> None:
    student, patches = gate(gate_threshold=threshold), tiny_patches(NUM_CLOUDS)
    head = ClassificationHead(TINY.width, 5)
    tokens_N = entered(student, [patches.select(slice(0, 20)), patches.select(slice(20, None))])
    assert len(set(tokens_N)) > 3, "a curve through all of these would test nothing"
    gated = count_gated(student, head, patches, tokens_N)
    each = [count(student, head, patches.select(slice(row, row + 1))) for row in range(NUM_CLOUDS)]
    assert gated.macs_N.tolist() == [counts.total("macs") for counts in each]
    for column in ("macs", "other_ops", "geometry_ops"):
        for part in ("group", "compress", "encode", "upsample", "head"):
            mean = np.mean([counts.total(column, part) for counts in each])
            assert gated.mean.total(column, part) == pytest.approx(mean, rel=1e-9)


def test_clouds_that_all_cost_the_same_have_one_cost() -> None:
    student, patches = gate(budget=TINY.patches), tiny_patches(4)
    gated = count_gated(student, None, patches, entered(student, [patches]))
    assert set(gated.macs_N) == {count(student).total("macs")}
    assert gated.mean.total("macs") == gated.macs_N[0]


def test_a_budget_bounds_what_enters() -> None:
    patches = tiny_patches(NUM_CLOUDS)
    few, all_of_them = (entered(gate(budget=budget), [patches]) for budget in (5, TINY.patches))
    assert few.max() <= 5
    assert few.min() < few.max()
    assert set(all_of_them) == {TINY.patches}
