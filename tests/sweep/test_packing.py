import pytest

from foundry_bench.sweep.packing import Usage, groups_per_gpu


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(8_000, 80_000, 0.30), 4),  # four keep it busy, nine would fit
        (Usage(8_000, 80_000, 0.50), 2),
        (Usage(8_000, 80_000, 0.96), 1),  # it is busy already
        (Usage(30_000, 80_000, 0.10), 2),  # memory holds two
        (Usage(36_500, 80_000, 0.10), 1),  # two would leave nothing to spare
        (Usage(79_000, 80_000, 0.10), 1),
        (Usage(1_000, 80_000, 0.00), 8),
        (Usage(8_000, 80_000, None), 8),  # not known: memory decides, up to the most
        (Usage(20_000, 80_000, None), 3),
    ],
)
def test_as_many_share_a_gpu_as_fit_and_keep_it_busy(usage: Usage, expected: int) -> None:
    assert groups_per_gpu(usage) == expected
